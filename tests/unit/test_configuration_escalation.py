"""escalation.yaml: short to write, every mistake named with its place, and the book that it makes."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from collector.configuration.escalation.form import LONGEST_ACKNOWLEDGEMENT
from collector.configuration.escalation.plan import book_differences, book_lines, idle_names, plan_book, unknown_labels
from collector.configuration.faults import Fault, FaultyError
from collector.configuration.plan import Sign
from collector.configuration.read import Files, missing_secrets, read_files
from collector.escalation.policies import unheard
from collector.model.book import TICKETS, Book, Person
from collector.model.channels import Secret
from collector.model.escalation import SHORTEST_REPEAT, Action, Step, When
from collector.model.finding import Severity
from tests.factories import DAY, HOUR, MINUTE

FIRST = """
hours: {mon-fri: "08:30-18:30"}
channels:
  helpdesk: {kind: request_tracker, url: "https://rt.example.org", queue: Backups, token: {env: RT_TOKEN}}
  anna-sms: {kind: apprise, url: {env: ANNA_SMS}}
  ben-sms: {kind: apprise, url: {file: /run/secrets/ben}}
people:
  anna: anna-sms
  ben: {page: [ben-sms], language: en}
rotas:
  on-call: {people: [anna, ben], begins: 2026-01-05, covers: after_hours}
policies:
  standard:
    - ticket
    - {page: on-call, after: 15m, repeat: 15m, when: after_hours}
"""


def read(text: str) -> Files:
    return read_files([("escalation.yaml", text)])


def book(text: str) -> Book:
    found = read(text).book
    assert found is not None
    return found


def faults(text: str) -> list[Fault]:
    with pytest.raises(FaultyError) as raised:
        read(text)
    return list(raised.value.faults)


def the_fault(text: str) -> tuple[int | None, str]:
    (fault,) = faults(text)
    return fault.place.line if fault.place else None, str(fault)


def test_a_first_policy_is_short() -> None:
    made = book(FIRST)
    assert len(FIRST.strip().splitlines()) <= 15
    assert made.policies["standard"].steps == (
        Step(after=timedelta(0), action=Action.TICKET),
        Step(after=15 * MINUTE, action=Action.PAGE, to=("on-call",), repeat=15 * MINUTE, when=When.AFTER_HOURS),
    )
    assert (made.default, made.tickets) == ("standard", "helpdesk"), "where there is one, it need not be said"
    assert made.people == {"anna": Person(page=("anna-sms",)), "ben": Person(page=("ben-sms",), language="en")}
    rota = made.rotas["on-call"]
    assert (rota.zone, rota.begins, rota.covers) == ("Europe/Paris", date(2026, 1, 5), When.AFTER_HOURS)


def test_what_is_stored_is_what_was_read() -> None:
    made = book(FIRST)
    assert Book.model_validate_json(made.model_dump_json()) == made


def test_a_file_that_says_almost_nothing_leaves_the_rest_as_it_comes() -> None:
    made = book("acknowledged_for: 2d")
    assert made == Book(acknowledged_for=2 * DAY)


@pytest.mark.parametrize(
    ("step", "made"),
    [
        ("ticket", Step(after=timedelta(0), action=Action.TICKET)),
        ("{ticket: helpdesk, after: 5m}", Step(after=5 * MINUTE, action=Action.TICKET, to=("helpdesk",))),
        ("{ticket: , after: 5m}", Step(after=5 * MINUTE, action=Action.TICKET)),
        (
            "{ticket: , when: in_hours, otherwise: wait}",
            Step(after=timedelta(0), action=Action.TICKET, when=When.IN_HOURS, waits=True),
        ),
        (
            "{notify: anna, when: in_hours, otherwise: skip}",
            Step(after=timedelta(0), action=Action.NOTIFY, to=("anna",), when=When.IN_HOURS),
        ),
        (
            "{page: [anna, on-call], repeat: 1m}",
            Step(after=timedelta(0), action=Action.PAGE, to=("anna", "on-call"), repeat=MINUTE),
        ),
    ],
)
def test_a_step_is_written_as_short_as_it_may_be(step: str, made: Step) -> None:
    assert book(FIRST + f"  other: [{step}]\ndefault: standard").policies["other"].steps == (made,)


def test_an_override_is_on_the_wall_clock_of_its_rota() -> None:
    rotas = "rotas: {{r: {{people: a, {zone} overrides: [{{person: a, since: 2026-07-01 08:00, until: 2026-12-01}}]}}}}"
    people = "channels: {c: {kind: apprise, url: {env: C}}}\npeople: {a: c}\nzone: Europe/Paris\n"
    (paris,) = book(people + rotas.format(zone="")).rotas["r"].overrides
    (reunion,) = book(people + rotas.format(zone="zone: Indian/Reunion,")).rotas["r"].overrides
    assert (paris.since, paris.until) == (datetime(2026, 7, 1, 6, tzinfo=UTC), datetime(2026, 11, 30, 23, tzinfo=UTC))
    assert reunion.since == datetime(2026, 7, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("more", "tickets"),
    [
        ("", "helpdesk"),
        ("  desk-mail: {kind: mail, host: h, sender: a@b, to: c@d}\n", None),
        ("  desk-mail: {kind: mail, host: h, sender: a@b, to: c@d}\ntickets: desk-mail\n", "desk-mail"),
        (
            "  own-mail: {kind: mail, host: h, sender: a@b, to: c@d}\nteams: {all: [anna, own-mail]}\n",
            "helpdesk",
        ),
    ],
    ids=["one", "two", "two-and-said", "a-mail-that-people-are-told-by"],
)
def test_the_ticket_system_need_not_be_named_where_there_is_one(more: str, tickets: str | None) -> None:
    text = FIRST.replace("people:\n  anna: anna", more + "people:\n  anna: anna")
    if tickets:
        assert book(text).tickets == tickets
    else:
        assert "say where those go whose step names none; as in tickets: helpdesk" in the_fault(text)[1]


def test_without_a_ticket_system_tickets_go_where_the_environment_says() -> None:
    made = book("policies: {standard: [ticket]}")
    assert made.tickets == TICKETS
    assert "tickets go to: the receiver that VIGIE_TICKET_WEBHOOK_URL names" in list(book_lines(made))


KINDS = "webhook, request_tracker, glpi, mail, apprise, alertmanager"
CHANNEL = "channels:\n  c: "
PEOPLE = "channels: {c: {kind: apprise, url: {env: C}}}\npeople: {anna: c, ben: c}\n"
ROTA = PEOPLE + "rotas:\n  r: "
POLICY = PEOPLE + "policies:\n  p:\n    - "


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("zon: UTC\nhours: {}", 1, "unknown key 'zon'; did you mean zone?"),
        ("zone: Europe/Pari", 1, "did you mean Europe/Paris?"),
        ("hours: {}", 1, "nobody is ever there"),
        ("hours: {mon: closed}", 1, "nobody is ever there"),
        ("hours: {monday: 08:00-12:00}", 1, "'monday' names no days; write them as in mon-fri"),
        (CHANNEL + "{kind: request_traker, url: https://x}", 2, "did you mean request_tracker?"),
        (CHANNEL + "{url: https://x}", 2, f"'kind' is missing; known are {KINDS}"),
        (CHANNEL + "{kind: apprise, urll: {env: C}, url: {env: C}}", 2, "unknown key 'urll'; did you mean url?"),
        (CHANNEL + "{kind: apprise}", 2, "channels.c.url: 'url' is missing"),
        (CHANNEL + "{kind: apprise, url: {env: C}, timeout: 10}", 2, "write the unit with it"),
        (CHANNEL + "{kind: apprise, url: {env: C, file: /c}}", 2, "stands in `env` or in `file`, one of both"),
        (CHANNEL + "{kind: apprise, url: {name: C}}", 2, "unknown key 'name'; known are env, file"),
        ("channels:\n  tickets: {kind: mail, host: h, sender: a@b, to: c@d}", 2, "VIGIE_TICKET_WEBHOOK_URL"),
        ("people: {anna: {language: fr}}", 1, "nobody can reach this person"),
        ("people:\n  anna: a-sms", 2, "'a-sms' is unknown; here must stand a channel that reaches people"),
        (ROTA + "{people: []}", 4, "must not be empty"),
        (ROTA + "{people: [anna, ben]}", 4, "say with begins on which day"),
        (ROTA + "{people: anna, begins: 5/1/2026}", 4, "'5/1/2026' is no date; write it as in 2026-01-05"),
        (ROTA + "{people: anna, begins: 0026-01-05}", 4, "must lie between 2000 and 2200"),
        (ROTA + "{people: anna, handover: 8}", 4, "'8' is no time of day; write it as in 08:00"),
        (ROTA + "{people: anna, zone: UTCC}", 4, "did you mean UTC?"),
        (ROTA + "{people: anna, turn: month}", 4, "'month' is none of day, week"),
        (ROTA + "{people: anna, covers: after_hour}", 4, "did you mean after_hours?"),
        (ROTA + "{people: ana}", 4, "'ana' is unknown; here must stand a person; did you mean anna?"),
        (ROTA + "{people: c}", 4, "'c' is a channel that takes no tickets, and here must stand a person"),
        (
            ROTA + "{people: anna, overrides: [{person: bob, since: 2026-12-24, until: 2026-12-26}]}",
            4,
            "'bob' is unknown; here must stand a person; known are anna, ben",
        ),
        (
            ROTA + "{people: anna, overrides: [{person: ben, since: 2026-12-24 08:00, until: 2026-12-24 08:00}]}",
            4,
            "2026-12-24 08:00 is not after 2026-12-24 08:00, when it begins",
        ),
        (
            ROTA + "{people: anna, overrides: [{person: ben, since: 24 Dec, until: 2026-12-26}]}",
            4,
            "'24 Dec' is no instant; write it as in 2026-12-24 08:00",
        ),
        (
            ROTA + "{people: anna, overrides: [{person: ben, since: 2026-12-24T08:00Z, until: 2026-12-26}]}",
            4,
            "has an offset; write it as the rota's wall clock shows it",
        ),
        (PEOPLE + "teams: {t: []}", 3, "must not be empty"),
        (PEOPLE + "teams: {t: [anna, bob]}", 3, "'bob' is unknown"),
        (PEOPLE + "teams:\n  t: t", 4, "a team cannot be within itself: t → t"),
        (PEOPLE + "rotas: {anna: {people: ben}}", 3, "'anna' is a person too; give one another name"),
        (PEOPLE + "teams: {c: anna}", 1, "'c' is a team too; give one another name"),
        (POLICY + "tickt", 5, "did you mean ticket?"),
        (POLICY + "{page: bob}", 5, "'bob' is unknown; here must stand a person, a rota, a team or a channel"),
        (POLICY + "{page: ana}", 5, "did you mean anna?"),
        (POLICY + "{ticket: c}", 5, "'c' is a channel that takes no tickets, and here must stand"),
        (POLICY + "{ticket: anna}", 5, "'anna' is a person, and here must stand a channel that takes tickets"),
        (POLICY + "{page: anna, ticket: }", 5, "say what is done by one of ticket, notify and page"),
        (POLICY + "{after: 5m}", 5, "say what is done by one of ticket, notify and page"),
        (POLICY + "{page: }", 5, "say whom page is for"),
        (POLICY + "{ticket: , repeat: 5m}", 5, "a ticket is opened once"),
        (POLICY + "{page: anna, repeat: 59s}", 5, "repeat must be at least 1m"),
        (POLICY + "{page: anna, otherwise: wait}", 5, "otherwise goes with when"),
        (POLICY + "{page: anna, when: in_hours, otherwise: queue}", 5, "'queue' is none of skip, wait"),
        (
            POLICY + "{page: anna, after: 10m}\n    - {page: ben, after: 5m}",
            6,
            "comes after 5m, and stands behind what comes after 10m; put the steps in the order of their time",
        ),
        (POLICY + "ticket\n  q: []", 3, "there are several: say which is walked where no route fits"),
        (POLICY + "ticket\ndefault: q", 6, "'q' is unknown; here must stand a policy; known are p"),
        (POLICY + "ticket\ntickets: c", 6, "here must stand a channel that takes tickets"),
        (POLICY + "ticket\nroutes:\n  - {policy: q}", 7, "'q' is unknown; here must stand a policy"),
        (
            POLICY + "ticket\nroutes:\n  - {policy: p, rule: [rpo_breached, backup_mised]}",
            7,
            "'backup_mised' is unknown; here must stand a rule; did you mean backup_missed?",
        ),
        (POLICY + "ticket\nroutes:\n  - {policy: p, severity: bad}", 7, "'bad' is none of critical, warning, notice"),
        ("acknowledged_for: 32d", 1, "32d must be at most 31d"),
        ("flapping: {times: 1}", 1, "1 must be at least 2"),
        ("flapping: {quit: 1h}", 1, "did you mean quiet?"),
    ],
)
def test_a_mistake_in_escalation_is_placed_and_mended(text: str, line: int, said: str) -> None:
    found = faults(text)
    assert any(fault.place and fault.place.line == line and said in str(fault) for fault in found), found


def test_teams_within_each_other_are_refused_and_nested_ones_are_not() -> None:
    assert book(PEOPLE + "teams: {a: [b, anna], b: [c2, ben], c2: [anna]}").teams["a"] == ("b", "anna")
    said = [str(fault) for fault in faults(PEOPLE + "teams: {a: [b], b: [c2, anna], c2: [a]}")]
    assert len(said) == 3
    assert "a → b → c2 → a" in said[0]


TICKETS_ALONE = "channels: {h: {kind: glpi, url: https://x.example, user_token: {env: T}}}\n"


@pytest.mark.parametrize("said", ["people: {a: h}", "teams: {t: [h]}", "policies: {p: [{page: h}]}"])
def test_nobody_is_told_by_what_takes_tickets_alone(said: str) -> None:
    assert "'h' is a channel that takes tickets alone" in the_fault(TICKETS_ALONE + said)[1]


@pytest.mark.parametrize(
    ("step", "reaches"),
    [
        ("{page: desk, when: after_hours}", False),
        ("{page: [desk, desks], when: after_hours}", False),
        ("{page: night, when: in_hours, otherwise: wait}", False),
        ("{page: [desk, night], when: after_hours}", True),
        ("{page: [desk, anna], when: after_hours}", True),
        ("{page: desk, when: in_hours}", True),
        ("{page: desk}", True),
    ],
)
def test_a_step_at_which_nobody_is_ever_there_is_refused(step: str, *, reaches: bool) -> None:
    rotas = "rotas: {desk: {people: anna, covers: in_hours}, night: {people: ben, covers: after_hours}}\n"
    text = PEOPLE + rotas + f"teams: {{desks: [desk]}}\npolicies: {{p: [{step}]}}"
    if reaches:
        assert book(text)
    else:
        assert "it reaches nobody" in the_fault(text)[1]


@pytest.mark.parametrize(
    ("hours", "never"),
    [
        ("{mon-sun: 00:00-24:00}\nholidays: none", True),
        ("{mon-sun: 00:00-24:00}", False),
        ("{mon-sun: 00:00-23:59}\nholidays: none", False),
    ],
)
def test_who_is_always_there_is_never_after_hours(hours: str, *, never: bool) -> None:
    text = f"{PEOPLE}hours: {hours}\npolicies: {{p: [{{page: anna, when: after_hours}}]}}"
    if never:
        assert "after_hours never comes" in the_fault(text)[1]
    else:
        assert book(text)


ROUTES = "policies: {p: [ticket], q: []}\ndefault: p\nroutes:\n"


@pytest.mark.parametrize(
    ("first", "second", "hidden"),
    [
        ("{policy: p}", "{policy: q, severity: critical}", True),
        ("{policy: p, severity: [critical, warning]}", "{policy: q, severity: critical, labels: {a: b}}", True),
        ("{policy: p, labels: {a: b}}", "{policy: q, labels: {a: b, c: d}}", True),
        ("{policy: p, rule: rpo_breached}", "{policy: q, rule: rpo_breached}", True),
        ("{policy: p, severity: critical}", "{policy: q, severity: [critical, warning]}", False),
        ("{policy: p, labels: {a: b}}", "{policy: q, labels: {a: c}}", False),
        ("{policy: p, rule: rpo_breached}", "{policy: q, severity: critical}", False),
        ("{policy: p, severity: critical}", "{policy: q}", False),
    ],
)
def test_a_route_behind_one_that_fits_all_of_it_is_refused(first: str, second: str, *, hidden: bool) -> None:
    text = f"{ROUTES}  - {first}\n  - {second}\n"
    if hidden:
        line, said = the_fault(text)
        assert (line, "nothing comes here" in said) == (5, True)
    else:
        assert len(book(text).routes) == 2


def test_routes_are_called_by_what_they_fit_unless_they_have_a_name() -> None:
    routes = "  - {policy: q, name: quiet, severity: notice}\n  - {policy: p, rule: rpo_breached, labels: {a: b}}\n"
    made = book(ROUTES + routes)
    assert [route.name for route in made.routes] == ["quiet", "rpo_breached, a=b"]
    assert made.routes[0].severities == {Severity.NOTICE}
    twice = "  - {policy: q, name: x, severity: notice}\n  - {policy: p, name: x, severity: warning}\n"
    assert the_fault(ROUTES + twice) == (5, "escalation.yaml:5:23: routes[1].name: route 'x' stands twice")


@pytest.mark.parametrize("url", ["https://user@rt.example", "https://user:hunter2@rt.example"])
def test_an_address_with_a_password_is_refused_and_never_repeated(url: str) -> None:
    said = the_fault(CHANNEL + f"{{kind: request_tracker, url: '{url}', queue: q, token: {{env: T}}}}")[1]
    assert "must hold no user and no password" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("channel", ["{kind: apprise, url: hunter2}", "{kind: apprise, url: {secret: hunter2}}"])
def test_a_secret_in_the_file_is_refused_and_never_repeated(channel: str) -> None:
    said = "\n".join(map(str, faults(CHANNEL + channel)))
    assert "hunter2" not in said
    assert "env" in said


def test_each_missing_secret_is_named_by_where_it_is_looked_for() -> None:
    def missing(secret: Secret) -> str | None:
        return f"{secret.env} is not set" if secret.env else None

    assert [str(fault) for fault in missing_secrets(read(FIRST), missing)] == [
        "escalation.yaml:4:91: channels.helpdesk.token: RT_TOKEN is not set",
        "escalation.yaml:5:34: channels.anna-sms.url: ANNA_SMS is not set",
    ]


def test_two_files_of_escalation_contradict_each_other() -> None:
    with pytest.raises(FaultyError, match="only one file of escalation"):
        read_files([("a.yaml", "default: default"), ("b.yaml", "acknowledged_for: 1d")])


def test_a_file_is_known_by_its_keys_else_by_its_name() -> None:
    assert read_files([("provider.yaml", "acknowledged_for: 1d")]).book is not None
    mixed = "\n".join(map(str, faults("defaults: {}\nteams: {}\nzone: UTC")))
    assert "unknown key 'defaults'" in mixed, "most of it is of escalation"
    assert "unknown key 'polices'; did you mean policies?" in str(faults("polices: {}")[0]), "by its name"


def said(before: Book, after: Book) -> set[str]:
    return {f"{line.sign} {line.said}" for line in book_differences(before, after)}


def test_the_plan_tells_from_what_to_what() -> None:
    changed = (
        FIRST.replace("after: 15m, ", "after: 30m, ")
        .replace("[anna, ben]", "[ben, anna]")
        .replace("ben: {page: [ben-sms], language: en}", "ben: ben-sms\n  carl: anna-sms")
        .replace("08:30-18:30", "09:00-18:00")
    )
    rota = "by the week since 2026-01-05; handover at 08:00 in Europe/Paris; after hours"
    assert said(book(FIRST), book(changed + "acknowledged_for: 12h")) == {
        "~ open: mon-fri: 08:30-18:30 → mon-fri: 09:00-18:00",
        "~ person ben: page by ben-sms; en → page by ben-sms; fr",
        "+ person carl: page by anna-sms; fr",
        f"~ rota on-call: anna, ben; {rota} → ben, anna; {rota}",
        "~ policy standard: ticket; page on-call after 15m, again every 15m, only after hours"
        " → ticket; page on-call after 30m, again every 15m, only after hours",
        "~ acknowledged for: 24h → 12h",
    }


def test_the_plan_tells_what_ends_and_where_an_order_changes() -> None:
    routes = "routes:\n  - {policy: standard, severity: warning}\n  - {policy: standard, severity: critical}\n"
    turned = "routes:\n  - {policy: standard, severity: critical}\n  - {policy: standard, severity: warning}\n"
    assert said(book(FIRST + routes), book(FIRST + turned)) == {
        "~ order of routes: warning, critical → critical, warning"
    }
    without = FIRST.replace("  ben: {page: [ben-sms], language: en}\n", "").replace("[anna, ben]", "[anna]")
    assert "- person ben" in said(book(FIRST), book(without))


def test_everything_that_tells_two_books_apart_is_told() -> None:
    """Of every field; so that no plan is empty which changes something."""
    other = book(FIRST + "acknowledged_for: 2d\nclosed_by_hand_for: 6m\nflapping: {times: 5}\nzone: UTC\n")
    other = other.model_copy(
        update={"tickets": "x", "teams": {"t": ("anna",)}, "routes": book(ROUTES + "  - {policy: p}").routes}
    )
    for field in set(Book.model_fields) - {"version"}:
        before = book(FIRST)
        if getattr(other, field) == getattr(before, field):
            before = Book()
        after = before.model_copy(update={field: getattr(other, field)})
        assert list(book_differences(before, after)), field


def test_a_plan_names_no_secret_but_where_it_is_read() -> None:
    lines = [line.said for line in plan_book(Book(), book(FIRST), [])]
    assert "channel anna-sms: apprise, url from env ANNA_SMS" in lines
    assert "channel ben-sms: apprise, url from file /run/secrets/ben" in lines


def test_the_same_book_again_changes_nothing_whatever_its_version() -> None:
    before = book(FIRST).model_copy(update={"version": 7})
    assert [line.sign for line in plan_book(before, book(FIRST), [])] == [Sign.SAME]


def test_a_label_that_no_practice_has_is_only_noted() -> None:
    made = book(ROUTES + "  - {policy: q, labels: {tier: gold}}\n")
    assert list(unknown_labels(made, [{"tier": "gold"}])) == []
    (note,) = unknown_labels(made, [{"tier": "silver"}, {"gold": "tier"}])
    assert "no practice has the label tier=gold" in note


@pytest.mark.parametrize(
    ("routes", "notes"),
    [
        ("  - {policy: q, severity: notice}\n", []),
        ("  - {policy: p, rule: campaign}\n", []),
        ("  - {policy: q, rule: campaign}\n", ["nobody hears of campaign, critical though it is"]),
        ("  - {policy: q, labels: {a: b}, rule: ransomware_signature, name: dull}\n",
         ["by route dull nobody hears of ransomware_signature, critical though it is"]),
    ],
)  # fmt: skip
def test_a_file_that_silences_what_takes_two_people_says_so(routes: str, notes: list[str]) -> None:
    made = book(f"policies: {{p: [ticket], q: []}}\ndefault: p\nroutes:\n{routes}")
    assert list(unheard(made)) == notes


def test_what_nothing_names_is_noted() -> None:
    assert list(idle_names(book(FIRST))) == []
    text = FIRST.replace("[anna, ben]", "[anna]") + "  spare: []\ndefault: spare\n"
    assert list(idle_names(book(text))) == [
        "no route leads to standard",
        "named by nothing: ben",
        "what no route fits walks spare, and disturbs nobody",
    ]


def test_the_bounds_are_those_that_are_written_beside_the_form() -> None:
    assert (SHORTEST_REPEAT, LONGEST_ACKNOWLEDGEMENT) == (MINUTE, 31 * DAY)
    assert book("acknowledged_for: 31d").acknowledged_for == LONGEST_ACKNOWLEDGEMENT
    assert book("flapping: {times: 2, within: 1h, quiet: 1m}").flapping.within == HOUR
    assert book(ROTA + "{people: anna, handover: 7:30}").rotas["r"].handover == time(7, 30)
