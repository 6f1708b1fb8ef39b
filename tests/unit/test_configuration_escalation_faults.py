"""Every mistake in escalation.yaml is named with its place and the way out, and no secret is repeated."""

import pytest

from collector.configuration.faults import FaultyError
from collector.configuration.read import missing_secrets, read_files
from collector.model.channels import Secret
from tests.unit.escalation_file import CHANNEL, FIRST, PEOPLE, POLICY, ROTA, ROUTES, book, faults, read, the_fault

KINDS = "webhook, request_tracker, glpi, mail, apprise, alertmanager"


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
        (CHANNEL + "{kind: apprise, url: {env: C, file: /c}}", 2, "name either `env` or `file`"),
        (
            CHANNEL + "{kind: apprise, url: {file: secrets/c}}",
            2,
            "channels.c.url.file: write the whole path, as in /run/",
        ),
        (CHANNEL + "{kind: apprise, url: {file: ~/c}}", 2, "write the whole path"),
        (CHANNEL + "{kind: apprise, url: {file: ''}}", 2, "write the whole path"),
        (
            CHANNEL + "{kind: mail, host: h, sender: a@b, to: c@d, authority: ca.pem}",
            2,
            "channels.c.authority: write the whole path",
        ),
        (CHANNEL + "{kind: apprise, url: {name: C}}", 2, "unknown key 'name'; known are env, file"),
        ("channels:\n  tickets: {kind: mail, host: h, sender: a@b, to: c@d}", 2, "VIGIE_TICKET_WEBHOOK_URL"),
        (
            "channels:\n  desk: {kind: mail, host: h, sender: a@b, to: Desk <c@d>}",
            2,
            "'Desk <c@d>' is not written as it must be; write one address alone, as in desk@example.org",
        ),
        (CHANNEL + "{kind: apprise, url: tgram://x}", 2, "a secret never stands in a file of configuration; say where"),
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
        (POLICY + "{page: anna, after: 15}", 5, "write the unit with it, as in 15m, 15h or 15d"),
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


@pytest.mark.parametrize("mail", ["a-mail", "z-mail"])
def test_of_a_ticket_system_and_a_mail_channel_the_first_is_suggested_for_tickets(mail: str) -> None:
    mails = f"{mail}: {{kind: mail, host: h, sender: a@b, to: c@d}}"
    glpi = "glpi: {kind: glpi, url: https://x.example, user_token: {env: T}}"
    for channels in (f"{mails}, {glpi}", f"{glpi}, {mails}"):
        said = the_fault(f"channels: {{{channels}}}\npolicies: {{p: [ticket]}}")[1]
        assert said.endswith("say where those go whose step names none; as in tickets: glpi")


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
        (
            "{policy: p, severity: critical}\n  - {policy: p, severity: warning}",
            "{policy: q, severity: [critical, warning]}",
            True,
        ),
        (
            "{policy: p, severity: critical}\n  - {policy: p, severity: [warning, notice]}",
            "{policy: q, labels: {a: b}}",
            True,
        ),
        ("{policy: p, severity: critical}\n  - {policy: p, severity: warning}", "{policy: q}", False),
        (
            "{policy: p, rule: rpo_breached}\n  - {policy: p, severity: critical}",
            "{policy: q, rule: rpo_breached}",
            True,
        ),
        (
            "{policy: p, severity: critical, labels: {a: b}}\n  - {policy: p, severity: [warning, notice]}",
            "{policy: q, severity: critical}",
            False,
        ),
    ],
)
def test_a_route_behind_one_that_fits_all_of_it_is_refused(first: str, second: str, *, hidden: bool) -> None:
    text = f"{ROUTES}  - {first}\n  - {second}\n"
    if hidden:
        line, said = the_fault(text)
        assert (line, "nothing comes here" in said) == (len(text.splitlines()), True)
    else:
        assert book(text).routes[-1].policy == "q"


def test_routes_that_hide_one_together_are_all_named() -> None:
    text = ROUTES + "  - {policy: p, severity: critical}\n  - {policy: p, severity: [warning, notice]}\n  - {policy: q}"
    assert "routes 'critical' and 'warning, notice', which stand before, fit all" in the_fault(text)[1]


@pytest.mark.parametrize(
    ("since", "until", "from_"),
    [
        ("02:10", "02:50", None),
        ("02:30", "03:00", None),
        ("02:00", "03:00", None),
        ("01:59", "02:30", "00:59"),
        ("02:30", "03:01", "01:00"),
        ("02:59", "04:00", "01:00"),
    ],
)
def test_an_override_that_the_clocks_jump_over_is_refused_and_another_begins_as_they_have(
    since: str, until: str, from_: str | None
) -> None:
    day = "2026-03-29"
    text = ROTA + f"{{people: anna, overrides: [{{person: ben, since: {day} {since}, until: {day} {until}}}]}}"
    if from_ is None:
        assert "in Europe/Paris the clocks go forward over all of it" in the_fault(text)[1]
    else:
        assert f"{book(text).rotas['r'].overrides[0].since:%H:%M}" == from_


@pytest.mark.parametrize("url", ["https://user@rt.example", "https://user:hunter2@rt.example"])
def test_an_address_with_a_password_is_refused_and_never_repeated(url: str) -> None:
    said = the_fault(CHANNEL + f"{{kind: request_tracker, url: '{url}', queue: q, token: {{env: T}}}}")[1]
    assert "must hold no user and no password" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("desk.example/hunter2", "this is no address; write it whole, as in https://desk.example.org"),
        ("ftp://me:hunter2@desk.example", "this is no address of the web; begin it with https://"),
    ],
)
def test_an_address_is_asked_for_whole_and_never_repeated(url: str, said: str) -> None:
    told = the_fault(CHANNEL + f"{{kind: glpi, url: '{url}', user_token: {{env: T}}}}")[1]
    assert (said in told, "hunter2" in told) == (True, False)


@pytest.mark.parametrize("channel", ["{kind: apprise, url: hunter2}", "{kind: apprise, url: {secret: hunter2}}"])
def test_a_secret_in_the_file_is_refused_and_never_repeated(channel: str) -> None:
    said = "\n".join(map(str, faults(CHANNEL + channel)))
    assert "hunter2" not in said
    assert "env" in said


def test_what_is_too_long_is_not_suggested_again() -> None:
    assert the_fault("acknowledged_for: 99999999999d")[1].endswith("'99999999999d' is too long")


def test_each_missing_secret_is_named_by_where_it_is_looked_for() -> None:
    def missing(_: object, secret: Secret) -> str | None:
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
