"""From files to policies: who goes before whom, what stays, what ends, and what the plan says of it."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from collector.configuration.compile import Compiled, InForce, compile_all
from collector.configuration.plan import Sign, differences, plan
from collector.configuration.read import read_files
from collector.configuration.rules import Rulebook, RulesForm
from collector.model.heartbeat import RestoreLevel
from collector.model.policy import Policy, awaited
from collector.model.subject import endpoint_subject, job_subject
from tests.factories import DAY, HOUR, NOW, PRACTICE

DAILY = job_subject(None, "daily")


def compiled(text: str = "", rules: str = "", before: Iterable[Policy] = (), in_force: str = "") -> Compiled:
    practices = read_files([("fleet.yaml", text)]).practices if text else ()
    known = {policy.practice: policy for policy in before}
    return compile_all(
        [one.practice for one in practices],
        the_rules(rules) if rules else None,
        InForce(known, the_rules(in_force) if in_force else RulesForm()),
        NOW,
        lambda: PRACTICE,
    )


def the_rules(text: str) -> RulesForm:
    rules = read_files([("rules.yaml", text)]).rules
    assert rules is not None
    return rules


def one(text: str, rules: str = "", before: Iterable[Policy] = ()) -> Policy:
    (change,) = compiled(text, rules, before).changes
    return change.after


LAYERS = """
defaults: {backup_late: {after: 1m, severity: warning}, restore_test: {every: {file: 1d}}}
groups:
  - {match: {kind: dental}, rules: {backup_late: {after: 2m}, restore_test: {every: {imaging: 2d}}}}
  - {match: {gold: "yes"}, rules: {backup_late: {after: 3m}}}
overrides:
  - {practice: A, rules: {backup_late: {after: 4m}}}
  - {practice: A, job: daily, rules: {backup_late: {after: 5m}}}
"""


def minutes(name: str, labels: dict[str, str]) -> tuple[float, list[float]]:
    book = Rulebook(the_rules(LAYERS))
    jobs = book.job_settings(name, labels).values()
    after = book.settings(name, labels).backup_late.after
    return after / timedelta(minutes=1), [job.backup_late.after / timedelta(minutes=1) for job in jobs]


def test_the_stronger_goes_over_the_weaker() -> None:
    assert minutes("B", {}) == (1, [])
    assert minutes("B", {"kind": "dental"}) == (2, [])
    assert minutes("B", {"kind": "dental", "gold": "yes"}) == (3, []), "the later group wins"
    assert minutes("B", {"kind": "medical"}) == (1, [])
    assert minutes("A", {"kind": "dental", "gold": "yes"}) == (4, [5])


def test_a_layer_changes_only_what_it_names() -> None:
    settings = Rulebook(the_rules(LAYERS)).settings("B", {"kind": "dental"})
    usual = RulesForm().defaults
    assert settings.backup_late.severity == "warning"
    every = settings.restore_test.every
    assert (every[RestoreLevel.FILE], every[RestoreLevel.IMAGING]) == (DAY, 2 * DAY)
    assert every[RestoreLevel.BOOT] == usual.restore_test.every[RestoreLevel.BOOT]
    assert settings.patches_overdue == usual.patches_overdue


def test_a_weaker_layer_can_be_set_back_to_the_usual() -> None:
    usual = RulesForm().defaults.backup_late.after
    rules = "defaults: {backup_late: {after: 1m}}\ngroups: [{match: {a: b}, rules: {backup_late: {after: 15m}}}]"
    assert Rulebook(the_rules(rules)).settings("A", {"a": "b"}).backup_late.after == usual
    assert compiled(rules=rules, in_force="defaults: {backup_late: {after: 1m}}").rules is not None


FLEET = "practices: [{name: A, jobs: [{name: daily, every: 24h}, {name: imaging, endpoint: PC, every: 7d}]}]"


def test_applied_again_nothing_changes() -> None:
    first = one(FLEET)
    again = compiled(FLEET, before=[Policy.model_validate_json(first.model_dump_json())])
    assert (again.changes, again.unchanged, again.beside, again.nothing) == ((), 1, 0, True)


def test_a_schedule_that_stays_goes_on_counting() -> None:
    before = one(FLEET)
    old = before.jobs[DAILY].model_copy(update={"since": NOW - DAY})
    before = before.model_copy(update={"jobs": {**before.jobs, DAILY: old}})
    assert one(FLEET.replace("24h}", "24h, grace: 2h}"), before=[before]).jobs[DAILY].since == NOW - DAY
    assert one(FLEET.replace("24h", "12h"), before=[before]).jobs[DAILY].since == NOW


def test_a_job_that_is_taken_out_ends_and_a_practice_in_no_file_stays() -> None:
    before = one(FLEET)
    other = Policy(practice_id=UUID(int=7), practice="B")
    result = compiled("practices: [{name: A}]", before=[before, other])
    assert [change.after.jobs for change in result.changes] == [{}]
    assert result.beside == 1


def test_what_was_retired_by_command_stays_and_what_a_file_retired_it_may_take_back() -> None:
    machine = endpoint_subject(UUID(int=5))
    before = Policy(practice_id=PRACTICE, practice="A", retired={machine: "replaced", DAILY: "by hand"})
    retiring = "practices: [{name: A, retired: [{endpoint: PC, because: old}]}]"
    with_file = one(retiring, before=[before])
    stands = endpoint_subject(awaited(PRACTICE, "PC"))
    assert with_file.retired == {machine: "replaced", DAILY: "by hand", stands: "old"}
    taken_back = one("practices: [{name: A, jobs: [{name: daily, every: 1d}]}]", before=[with_file])
    assert taken_back.retired == {machine: "replaced"}, "a job that is scheduled is watched again"


def test_rules_alone_concern_every_practice_in_force() -> None:
    result = compiled(rules="defaults: {backup_late: {after: 1h}}", before=[one(FLEET)])
    assert [change.after.rules.backup_late.after for change in result.changes] == [HOUR]
    assert result.changes[0].after.jobs == one(FLEET).jobs


def test_a_fleet_alone_is_compiled_with_the_rules_in_force() -> None:
    (change,) = compiled(FLEET, in_force="defaults: {backup_late: {after: 1h}}").changes
    assert change.after.rules.backup_late.after == HOUR


def said(result: Compiled, rules: RulesForm, reported: dict[str, frozenset[str]]) -> list[str]:
    return [f"{line.sign} {line.said}" for line in plan(result, reported, rules)]


def test_the_plan_tells_what_is_new_and_which_machine_it_waits_for() -> None:
    result = compiled(FLEET)
    assert said(result, RulesForm(), {}) == [
        "+ A: daily, imaging",
        "! waits for a machine of this name to report: PC of A",
    ]
    assert said(result, RulesForm(), {"A": frozenset({"PC"})}) == ["+ A: daily, imaging"]


def test_the_plan_tells_from_what_to_what() -> None:
    before = one(FLEET)
    after = one(
        "practices: [{name: A, zone: UTC, labels: {kind: dental}, calendar: {open: {sat: 08:00-12:00}},"
        " jobs: [{name: daily, every: 26h}], retired: [{endpoint: PC, because: old}]}]",
        "overrides: [{practice: A, job: daily, rules: {backup_late: {after: 1h}}}]",
        [before],
    )
    assert {f"{line.sign} {line.said}" for line in differences(before, after)} == {
        "~ zone: Europe/Paris → UTC",
        "~ labels: none → kind=dental",
        "~ open: mon-fri: 08:00-19:00 → sat: 08:00-12:00",
        "~ job daily: every 24h, grace 1h → every 26h, grace 1h",
        "- job imaging on PC",
        "+ retired PC: old",
        "~ job daily: backup_late.after: 15m → 1h",
    }


def test_practices_that_change_alike_stand_together() -> None:
    before = [Policy(practice_id=UUID(int=number), practice=f"P{number}") for number in range(9)]
    result = compiled(rules="defaults: {backup_late: {after: 1h}}", before=before)
    lines = said(result, the_rules("defaults: {backup_late: {after: 1h}}"), {})
    assert lines[:2] == ["~ 9 practices: P0, P1, P2, P3 and 5 more", "~ backup_late.after: 15m → 1h"]


def test_groups_that_disagree_about_a_practice_are_noted() -> None:
    rules = the_rules(LAYERS)
    result = compiled("practices: [{name: B, labels: {kind: dental, gold: 'yes'}}]", LAYERS)
    notes = [line.said for line in plan(result, {}, rules) if line.sign is Sign.NOTE]
    assert notes == ["groups kind=dental and gold=yes both set backup_late.after of B: the later one wins"]
