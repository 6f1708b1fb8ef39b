"""Files of configuration: every mistake of a file at once, each with its place and how to write it."""

from datetime import time, timedelta

import pytest

from collector.configuration.faults import Fault, FaultyError
from collector.configuration.hours import hours_of, week_of, write_week
from collector.configuration.read import Files, read_files, unknown_names
from collector.model.calendar import Hours
from collector.model.heartbeat import RestoreLevel

PRACTICE = "practices:\n  - name: A\n    "
JOB = PRACTICE + "jobs:\n      - "
SETTING = "defaults:\n  "


def faults(text: str, file: str = "fleet.yaml") -> list[Fault]:
    with pytest.raises(FaultyError) as raised:
        read_files([(file, text)])
    return list(raised.value.faults)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        (PRACTICE + "zon: UTC", (3, 5), "unknown key 'zon'; did you mean zone?"),
        (PRACTICE + "zone: Europe/Pari", (3, 11), "did you mean Europe/Paris?"),
        (PRACTICE + "labels: [dental]", (3, 13), "keys with values must stand here"),
        (PRACTICE + "jobs: daily", (3, 11), "a list must stand here; begin each item with '- '"),
        (
            PRACTICE + "calendar: {holidays: fr}",
            (3, 26),
            "'fr' is none of FR, FR-Alsace-Moselle, none; did you mean FR?",
        ),
        (PRACTICE + "calendar: {open: {mon-fry: 08:00-12:00}}", (3, 23), "'mon-fry' names no days"),
        (PRACTICE + "calendar: {open: {mon: 9-12}}", (3, 28), "'9-12' are no hours"),
        (PRACTICE + "calendar: {open: {mon: 12:00-08:00}}", (3, 28), "closes before it opens"),
        (PRACTICE + "calendar: {open: {mon-fri: closed, fri: closed}}", (3, 15), "fri is named twice"),
        (
            PRACTICE + "calendar: {closures: [{first: 2026-08-01, last: 9999-12-31}]}",
            (3, 27),
            "a closure must lie between 1601 and 9000",
        ),
        (
            PRACTICE + "calendar: {closures: [{first: 0001-01-01, last: 2026-08-01}]}",
            (3, 27),
            "a closure must lie between 1601 and 9000",
        ),
        (PRACTICE + "closures: []", (3, 5), "unknown key 'closures'"),
        (
            "practices:\n  - name: A\n    contacts: [{name: B, mail: roux}]",
            (3, 32),
            "'roux' is not written as it must be; write one address alone",
        ),
        ("practices:\n\t- name: A", (2, 1), "; indent with spaces, not with tabs"),
        ("practices:\n  - name: @home", (2, 11), "; put quotes around this text"),
        ("practices:\n  - name: A: B", (2, 12), "; put quotes around a text that holds a colon"),
        (JOB + "{name: daily, every: 14}", (4, 30), "write the unit with it, as in 14m, 14h or 14d"),
        (JOB + "{name: daily, every: 14 days}", (4, 30), "write it as 14d"),
        (JOB + "{name: daily, every: 2 months}", (4, 30), "the units are s, m, h, d and w"),
        (JOB + "{name: daily, every: 1500d}", (4, 30), "1500d must be at most 400d"),
        (JOB + "{name: daily, every: 24h, grace: -1h}", (4, 42), "'-1h' is no duration"),
        (JOB + "{name: daily, cron: 0 2 31 2 *}", (4, 29), "write it as minute hour day month weekday"),
        (JOB + "{name: daily, cron: 0 2 * *}", (4, 29), "Wrong number of fields"),
        (JOB + "{name: daily}", (4, 9), "give either every or cron"),
        (JOB + "{name: daily, every: 1d, cron: 0 2 * * *}", (4, 9), "give either every or cron"),
        (JOB + "{name: daily, every: 1d, zone: UTC}", (4, 9), "zone goes with cron"),
        (JOB + "{every: 1d}", (4, 9), "'name' is missing"),
        (JOB + "{name: daily, every: 1d}\n      - {name: daily, every: 2d}", (5, 16), "job 'daily' stands twice"),
        (PRACTICE + "zone: UTC\n    zone: UTC", (4, 5), "written twice; first in line 3"),
        (PRACTICE + "zone: UTC\n  - name: A", (4, 11), "practice 'A' stands twice; first in fleet.yaml:2"),
        (PRACTICE + "contacts: [{name: Ada}]", (3, 16), "Ada has neither mail nor phone"),
        (PRACTICE + "retired: [{because: gone}]", (3, 15), "name an endpoint, a job, or both"),
        (PRACTICE + "zone: [", (4, 1), "this is no YAML"),
        (PRACTICE + "labels: &l {a: *l}", (3, 13), "this alias repeats what it stands in"),
        ("practices: " + "[" * 60 + "]" * 60, (1, 61), "nested deeper than 50 levels"),
    ],
)
def test_a_mistake_in_the_fleet_is_placed_and_mended(text: str, place: tuple[int, int], said: str) -> None:
    (fault,) = faults(text)
    assert fault.place is not None
    assert ((fault.place.line, fault.place.column), said in str(fault)) == (place, True), str(fault)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        (SETTING + "backup_mised: {}", (2, 3), "unknown rule 'backup_mised'; did you mean backup_missed?"),
        (SETTING + "backup_late: {aftr: 1h}", (2, 17), "did you mean after?"),
        (SETTING + "backup_late: {after: 1 hour}", (2, 24), "write it as 1h"),
        (SETTING + "backup_late: {enabled: perhaps}", (2, 26), "'perhaps' is neither true nor false"),
        (SETTING + "backup_late: {severity: critcal}", (2, 27), "did you mean critical?"),
        (SETTING + "backup_failed: {in_a_row: many}", (2, 29), "'many' is no whole number"),
        (SETTING + "backup_failed: {in_a_row: 0}", (2, 29), "0 must be at least 1"),
        (SETTING + "ransomware_signature: {creeping: .inf}", (2, 36), "'.inf' is no number"),
        (SETTING + "backup_overrunning: {factor: inf}", (2, 32), "must be a finite number"),
        (SETTING + "restore_test: {every: {fil: 3d}}", (2, 26), "'fil' is none of"),
        (SETTING + "patches_overdue: {deadline: {critical: 14}}", (2, 42), "14h or 14d"),
        ("groups: [{match: {}}]", (1, 18), "must not be empty"),
        ("groups: [{match: {a: b}, rules: {campaign: {practices: 2}}}]", (1, 34), "set it in defaults"),
        ("group: []", (1, 1), "did you mean groups?"),
    ],
)
def test_a_mistake_in_the_rules_is_placed_and_mended(text: str, place: tuple[int, int], said: str) -> None:
    (fault,) = faults(text, "rules.yaml")
    assert fault.place is not None
    assert ((fault.place.line, fault.place.column), said in str(fault)) == (place, True), str(fault)


def test_all_mistakes_of_all_files_are_told_at_once() -> None:
    with pytest.raises(FaultyError) as raised:
        read_files([("fleet.yaml", PRACTICE + "zon: 1\n    zone: x"), ("rules.yaml", "defaults: {a: {}, b: {}}")])
    assert [fault.file for fault in raised.value.faults] == ["fleet.yaml"] * 2 + ["rules.yaml"] * 2


OVERRIDE = "overrides:\n  - {practice: A, rules: {backup_late: {after: 1h}}}\n  - {practice: A, %s}\n"


@pytest.mark.parametrize(
    ("other", "refused"),
    [
        ("rules: {backup_late: {after: 2h}}", True),
        ("rules: {backup_late: {after: 1h}}", False),
        ("rules: {backup_late: {enabled: false}}", False),
        ("job: daily, rules: {backup_late: {after: 2h}}", False),
    ],
)
def test_overrides_that_contradict_each_other_are_refused(other: str, *, refused: bool) -> None:
    text = OVERRIDE % other
    if not refused:
        assert read_files([("rules.yaml", text)]).rules
        return
    (fault,) = faults(text, "rules.yaml")
    assert "contradicts the override in line 2, which says 1h" in str(fault)


def test_overrides_of_what_nobody_knows_are_refused_with_the_nearest() -> None:
    read: Files = read_files([("rules.yaml", "overrides: [{practice: Pesac}, {practice: Pessac, job: dayly}]")])
    said = [str(fault) for fault in unknown_names(read, {"Pessac": frozenset({"daily"})})]
    assert said == [
        "rules.yaml:1:24: overrides[0].practice: no practice 'Pesac' is known; did you mean Pessac?",
        "rules.yaml:1:56: overrides[1].job: Pessac has no job 'dayly'; did you mean daily?",
    ]


def test_a_small_file_that_aliases_make_large_is_refused() -> None:
    bomb = "a: &a [" + ",".join("x" * 10) + "]\n"
    for name, before in zip("bcdefgh", "abcdefg", strict=True):
        bomb += f"{name}: &{name} [{','.join(['*' + before] * 10)}]\n"
    assert any("aliases counted as repeated" in str(fault) for fault in faults(bomb))


@pytest.mark.parametrize("nothing", ["null", "~", ""])
def test_nothing_is_written_as_in_any_yaml(nothing: str) -> None:
    files = read_files([("rules.yaml", SETTING + f"restore_test: {{every: {{file: {nothing}}}}}")])
    assert files.rules is not None
    assert files.rules.defaults.restore_test.every[RestoreLevel.FILE] is None


def test_words_and_numbers_stay_as_they_were_written() -> None:
    text = PRACTICE + "labels: {floor: 01, open: no, version: 1.10, at: 14:00}"
    (placed,) = read_files([("fleet.yaml", text)]).practices
    assert placed.practice.labels == {"floor": "01", "open": "no", "version": "1.10", "at": "14:00"}


@pytest.mark.parametrize(
    ("written", "hours"),
    [
        ("08:00-12:00, 14:00-19:00", [(8, 12), (14, 19)]),
        ("8:00 - 12:00", [(8, 12)]),
        ("20:00-24:00", [(20, 0)]),
        ("closed", []),
    ],
)
def test_hours_are_read_as_people_write_them(written: str, hours: list[tuple[int, int]]) -> None:
    assert hours_of(written) == tuple(Hours(opens=time(a), closes=time(b)) for a, b in hours)


@pytest.mark.parametrize(
    "written", ["14:00-19:00, 08:00-12:00", "08:00-12:00, 11:00-13:00", "20:00-24:00, 21:00-22:00"]
)
def test_stretches_of_a_day_follow_one_another(written: str) -> None:
    with pytest.raises(ValueError, match="must follow one another"):
        hours_of(written)


def test_a_week_is_said_as_it_may_be_written() -> None:
    week = week_of({"mon-tue, thu": "08:00-12:00", "sat": "20:00-24:00"})
    assert write_week(week) == "mon-tue: 08:00-12:00; thu: 08:00-12:00; sat: 20:00-24:00"
    assert write_week(week_of({})) == "never open"


CSV = "name,labels,jobs,open\n"


def test_a_line_of_a_spreadsheet_is_a_practice() -> None:
    jobs = "daily@SRV-01 cron 0 2 * * * grace 2h; imaging every 24h"
    line = f'Pessac,kind=dental; contract=gold,{jobs},"mon-fri 08:00-12:00"\n'
    (placed,) = read_files([("practices.csv", CSV + line + ",,,\n")]).practices
    practice = placed.practice
    assert practice.labels == {"kind": "dental", "contract": "gold"}
    assert [(job.name, job.endpoint, job.cron, job.every) for job in practice.jobs] == [
        ("daily", "SRV-01", "0 2 * * *", None),
        ("imaging", None, None, timedelta(hours=24)),
    ]
    assert practice.jobs[0].grace == timedelta(hours=2)
    assert practice.calendar.calendar().week[0] == hours_of("08:00-12:00")


def test_a_spreadsheet_may_have_semicolons_and_a_mark_of_its_editor() -> None:
    (placed,) = read_files([("practices.csv", '\ufeffName;Labels\r\nPessac;"kind=dental;a=b"\r\n')]).practices
    assert placed.practice.labels == {"kind": "dental", "a": "b"}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("nom\nA\n", 1, "the first line names the columns"),
        ("name,zome\nA,UTC\n", 1, "did you mean zone?"),
        ("name,name\nA,B\n", 1, "stands twice"),
        (CSV + "A,,daily\n", 2, "'daily' has no schedule"),
        (CSV + "A,,daily every 24h every 2h\n", 2, "says every twice"),
        (CSV + "A,,daily every 24\n", 2, "write the unit with it"),
        (CSV + "A,dental\n", 2, "write it as in kind=dental"),
        (CSV + "A,kind=dental; kind=gold\n", 2, "labels: 'kind' stands twice"),
        (CSV + "A,,,mon-fri 08:00-12:00; mon-fri 14:00-18:00\n", 2, "open: 'mon-fri' stands twice"),
        (CSV + "A,,,\nA,,,\n", 3, "practice 'A' stands twice"),
        (CSV + "A,,,mon-fri 08:00-12:00, 14:00-18:00\n", 2, "put a cell that holds the separator into double quotes"),
        (CSV + ",kind=dental,,\n", 2, "must not be empty"),
    ],
)
def test_a_mistake_in_a_spreadsheet_names_its_line(text: str, line: int, said: str) -> None:
    found = faults(text, "practices.csv")
    assert any(fault.place and fault.place.line == line and said in str(fault) for fault in found), found
