"""What people see: the NOC page and a practice's own page, on a real database."""

import html
import re
from uuid import UUID

import httpx
import pytest

from api.middleware import SAFE_HEADERS
from tests.conftest import Database
from tests.integration.api_fleet import HOUR, NOW, Fleet, settings, visitor
from tests.integration.browsing import csrf_in

HOSTILE = "<script>alert('x')</script>"


def words(page: httpx.Response) -> str:
    """What a reader reads, with ordinary spaces."""
    text = html.unescape(re.sub(r"<[^>]+>", " ", page.text))
    return re.sub(r"\s+", " ", re.sub(r"[ \n]+([.,;])", r"\1", text))


@pytest.fixture
async def fleet(database: Database) -> Fleet:
    fleet = Fleet(database.owner)
    await fleet.listening()
    await fleet.operator("Alice")
    return fleet


async def noc(database: Database, fleet: Fleet, path: str = "/noc", language: str = "en") -> httpx.Response:
    async with visitor(settings(database.url), language=language) as client:
        await client.post("/sign-in", data={"token": fleet.operators["Alice"]})
        return await client.get(path)


async def status(database: Database, path: str, language: str = "") -> httpx.Response:
    async with visitor(settings(database.url), language=language) as client:
        return await client.get(path)


async def well(fleet: Fleet, name: str = "Cabinet Doré", link: str = "well") -> UUID:
    practice_id = await fleet.practice(name, link=link)
    endpoint_id = await fleet.endpoint(practice_id, "SRV")
    await fleet.job(practice_id, "nightly", endpoint=(endpoint_id, "SRV"))
    return practice_id


async def half_covered(fleet: Fleet) -> UUID:
    """A workstation with its backup, beside a server without any."""
    practice_id = await fleet.practice("Half", "unknown", "no_backup_job", link="half")
    workstation = await fleet.endpoint(practice_id, "PC", role="workstation")
    await fleet.endpoint(practice_id, "SRV-01", "unknown", "no_backup_job")
    await fleet.job(practice_id, "nightly", endpoint=(workstation, "PC"))
    return practice_id


async def test_the_noc_shows_those_who_need_us_and_counts_the_rest(database: Database, fleet: Fleet) -> None:
    await well(fleet)
    silent = await fleet.practice("Silent", "critical", "heartbeat_missing.silent", since=3 * HOUR)
    ticket = await fleet.ticket(silent)
    await fleet.message(silent, ticket, error="503 from the helpdesk")
    await fleet.incident(silent, "heartbeat_missing", "silent", job=None, endpoint="SRV-1", ticket=ticket)
    await fleet.practice("New", None)
    page = await noc(database, fleet)
    assert "<title>● 1 critical – NOC</title>" in page.text
    read = words(page)
    assert "SRV-1 The machine no longer reports." in read
    assert "Ticket not delivered: 503 from the helpdesk" in read
    assert "20 hours of work" in read
    assert "not known: no backup reports" in read
    assert "As of 21:30:00 (UTC)" in read
    assert read.index("Silent") < read.index("New")
    assert "Cabinet Doré" not in read
    assert 'data-said="1 critical, 0 warnings, 1 unknown, 1 all well"' in page.text
    assert "Cabinet Doré" in words(await noc(database, fleet, "/noc?state=ok"))


@pytest.mark.parametrize(
    ("sent", "error", "known", "expected"),
    [
        (None, None, False, "No ticket yet"),
        (None, None, True, "Ticket kept here only"),
        (False, None, True, "Ticket being sent"),
        (False, "503", True, "Ticket not delivered: 503"),
        (True, None, True, "Ticket sent"),
    ],
)
async def test_the_noc_never_calls_a_ticket_sent_that_was_not(
    database: Database, fleet: Fleet, sent: bool | None, error: str | None, known: bool, expected: str
) -> None:
    practice_id = await fleet.practice("A", "critical", "backup_missed.not_run")
    ticket = await fleet.ticket(practice_id) if known else None
    if ticket and sent is not None:
        await fleet.message(practice_id, ticket, sent=sent, error=error)
    await fleet.incident(practice_id, ticket=ticket)
    assert expected in words(await noc(database, fleet))


async def test_the_noc_is_green_only_when_everybody_is_well(database: Database, fleet: Fleet) -> None:
    assert "<title>? " in (await noc(database, fleet)).text
    await well(fleet)
    page = await noc(database, fleet, language="fr")
    assert "<title>✓ 1 en ordre – NOC</title>" in page.text
    assert "Aucun cabinet n’a besoin de nous." in words(page)


async def test_a_noc_whose_collectors_are_away_does_not_look_green(database: Database, fleet: Fleet) -> None:
    await well(fleet)
    await database.owner.execute("UPDATE listening SET up_to = $1", NOW - HOUR)
    page = await noc(database, fleet)
    assert "<title>? Our collectors hear nobody at the moment.</title>" in page.text
    assert "doubtful" in page.text


async def test_a_deadline_that_passed_unjudged_does_not_look_green(database: Database, fleet: Fleet) -> None:
    practice_id = await well(fleet)
    await database.owner.execute("INSERT INTO due VALUES ($1, $2)", practice_id, NOW - HOUR)
    assert "Our evaluation is running late." in words(await noc(database, fleet))
    page = await status(database, "/status/well", "en")
    assert "<title>? Unknown – Cabinet Doré</title>" in page.text
    assert "All well" not in words(page)
    await database.owner.execute("UPDATE due SET evaluate_at = $1", NOW + HOUR)
    assert "late" not in words(await noc(database, fleet))


async def test_our_own_lapse_hides_no_practice_in_need(database: Database, fleet: Fleet) -> None:
    practice_id = await fleet.practice("A", "critical", "backup_failed.failed", link="a")
    await fleet.job(practice_id, "nightly", "critical", "backup_failed.failed")
    await fleet.endpoint(practice_id, "SRV")
    await database.owner.execute("UPDATE listening SET up_to = $1", NOW - HOUR)
    page = await status(database, "/status/a", "en")
    assert "<title>● Critical – A</title>" in page.text
    assert "The last backup failed." in words(page)
    assert 'class="chip ok"' not in page.text


async def test_the_noc_pages_beyond_what_fits(database: Database, fleet: Fleet) -> None:
    for number in range(60):
        await fleet.practice(f"P{number:02}", "warning", "heartbeat_missing.silent", since=HOUR * (100 - number))
    first = await noc(database, fleet)
    following = html.unescape(re.findall(r'id="next" href="([^"]+)"', first.text)[0])
    second = await noc(database, fleet, following)
    shown = [re.findall(r'role="rowheader">(P\d\d)', page.text) for page in (first, second)]
    assert [len(one) for one in shown] == [50, 10]
    assert shown[0] + shown[1] == [f"P{number:02}" for number in range(60)]


async def test_many_incidents_of_one_practice_do_not_bury_the_others(database: Database, fleet: Fleet) -> None:
    practice_id = await fleet.practice("A", "critical", "backup_missed.not_run")
    for number in range(8):
        await fleet.incident(practice_id, job=f"job {number}")
    page = await noc(database, fleet)
    assert page.text.count('id="incident-') == 5
    [(alone, said)] = re.findall(r'href="(/noc\?practice=[^"]+)">([^<]+)<', page.text)
    assert said == "and 3 more incidents"
    assert (await noc(database, fleet, alone)).text.count('id="incident-') == 8


async def test_acknowledging_on_the_noc_is_the_operators_deed(database: Database, fleet: Fleet) -> None:
    incident = await fleet.incident(await fleet.practice("A", "critical", "backup_missed.not_run"))
    path = f"/noc/incidents/{incident}/acknowledge"
    async with visitor(settings(database.url), language="en") as client:
        assert (await client.post(path)).headers["location"] == "/sign-in"
        await client.post("/sign-in", data={"token": fleet.operators["Alice"]})
        csrf = csrf_in((await client.get("/noc")).text)
        for _ in range(2):
            assert (await client.post(path, data={"csrf": csrf})).status_code == 303
        page = await client.get("/noc")
        assert (
            await client.post(path.replace(str(incident), str(UUID(int=0))), data={"csrf": csrf})
        ).status_code == 404
    assert "Alice is on it" in words(page)
    assert await database.owner.fetchval("SELECT count(*) FROM audit WHERE action = 'acknowledge'") == 1


async def test_a_practice_that_is_well_reads_so_in_french(database: Database, fleet: Fleet) -> None:
    await well(fleet)
    page = await status(database, "/status/well")
    assert '<html lang="fr"' in page.text
    assert "<title>✓ En ordre – Cabinet Doré</title>" in page.text
    read = words(page)
    assert "que perdrions-nous ?" in read
    assert "Au plus, le travail fait depuis jeudi 15 janvier à 02:30." in read
    assert "ven. 16 janv. 02:30" in read
    assert "Tout est en ordre" in read


async def test_the_hand_switches_to_english(database: Database, fleet: Fleet) -> None:
    await well(fleet)
    page = await status(database, "/status/well?lang=en", "fr")
    assert '<html lang="en"' in page.text
    assert "At most, the work done since Thursday 15 January at 02:30." in words(page)
    assert "English" in words(await status(database, "/status/well?lang=xx"))


@pytest.mark.parametrize(
    ("language", "answer", "reason"),
    [
        ("fr", "Aucune sauvegarde n’a jamais réussi", "La sauvegarde est prévue, mais n’a jamais été reçue."),
        ("en", "No backup has ever succeeded", "The backup is scheduled but has never been received."),
    ],
)
async def test_a_backup_that_never_succeeded_is_said_plainly(
    database: Database, fleet: Fleet, language: str, answer: str, reason: str
) -> None:
    practice_id = await fleet.practice("A", "critical", "backup_missed.never_reported", good=None, link="never")
    await fleet.job(practice_id, "Radios", "critical", "backup_missed.never_reported", good=None, due=-HOUR)
    page = await status(database, "/status/never", language)
    assert answer in words(page)
    assert reason in words(page)
    assert "never_reported" not in page.text
    assert page.text.startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("language", "answer", "rest"),
    [
        ("en", "not known for SRV-01: no backup reports", "of what is backed up: 20 hours of work"),
        ("fr", "inconnu pour SRV-01 : aucune sauvegarde connue", "pour ce qui est sauvegardé : 20 heures de travail"),
    ],
)
async def test_a_machine_without_a_backup_goes_before_what_is_backed_up_on_the_noc(
    database: Database, fleet: Fleet, language: str, answer: str, rest: str
) -> None:
    await half_covered(fleet)
    read = words(await noc(database, fleet, language=language))
    assert f"{answer} {rest}" in read


@pytest.mark.parametrize(
    ("language", "answer"),
    [
        (
            "en",
            "Of what is backed up, at most the work done since Thursday 15 January at 02:30; "
            "nothing is known of SRV-01.",
        ),
        (
            "fr",
            "De ce qui est sauvegardé, au plus le travail fait depuis jeudi 15 janvier à 02:30 ; "
            "de SRV-01, nous ne savons rien.",
        ),
    ],
)
async def test_a_machine_without_a_backup_is_in_the_answer_of_the_status_page(
    database: Database, fleet: Fleet, language: str, answer: str
) -> None:
    await half_covered(fleet)
    page = await status(database, "/status/half", language)
    assert answer in words(page)
    assert 'class="hero critical"' in page.text


async def test_many_machines_without_a_backup_are_counted_first_and_then_named(
    database: Database, fleet: Fleet
) -> None:
    practice_id = await half_covered(fleet)
    for number in range(3):
        await fleet.endpoint(practice_id, f"PC-{number}", "unknown", "no_backup_job")
    read = words(await status(database, "/status/half", "en"))
    assert "nothing is known of 4 machines." in read
    assert "backed up: PC-0, PC-1, PC-2, SRV-01." in read
    assert "not known for 4 machines" in words(await noc(database, fleet))


async def test_a_job_of_the_whole_practice_covers_its_machines_on_both_pages(database: Database, fleet: Fleet) -> None:
    await fleet.job(await half_covered(fleet), "everything")
    assert "nothing is known" not in words(await status(database, "/status/half", "en"))
    read = words(await noc(database, fleet))
    assert "not known for" not in read
    assert "20 hours of work" in read


async def test_what_is_retired_is_neither_covered_nor_covers(database: Database, fleet: Fleet) -> None:
    practice_id = await half_covered(fleet)
    await fleet.job(practice_id, "everything", "retired")
    await fleet.endpoint(practice_id, "OLD", "retired", "replaced")
    assert "nothing is known of SRV-01." in words(await status(database, "/status/half", "en"))
    assert "not known for SRV-01:" in words(await noc(database, fleet))


async def test_unknown_is_never_green(database: Database, fleet: Fleet) -> None:
    await fleet.practice("New", None, link="new")
    page = await status(database, "/status/new", "en")
    assert "<title>? Unknown – New</title>" in page.text
    assert "No backup is known to us: everything could be lost." in words(page)
    assert 'class="chip ok"' not in page.text


async def test_the_last_heartbeat_is_newer_than_the_last_judgement(database: Database, fleet: Fleet) -> None:
    practice_id = await fleet.practice("A", link="a")
    endpoint_id = await fleet.endpoint(practice_id, "SRV", seen=5 * HOUR)
    assert "5 hours ago" in words(await status(database, "/status/a", "en"))
    await fleet.heartbeat(practice_id, endpoint_id, HOUR / 20)
    assert "3 minutes ago" in words(await status(database, "/status/a", "en"))


async def test_hostile_names_stay_text(database: Database, fleet: Fleet) -> None:
    practice_id = await fleet.practice(f"P{HOSTILE}", "critical", "backup_missed.not_run", link="hostile")
    endpoint_id = await fleet.endpoint(practice_id, f"E{HOSTILE}", "unknown", f"code{HOSTILE}")
    await fleet.endpoint(practice_id, f"U{HOSTILE}")
    await fleet.job(practice_id, f"J{HOSTILE}", endpoint=(endpoint_id, f"E{HOSTILE}"), good=None)
    ticket = await fleet.ticket(practice_id)
    await fleet.message(practice_id, ticket, error=f"R{HOSTILE}")
    await fleet.incident(practice_id, job=f"J{HOSTILE}", endpoint='" onfocus="alert(1)', ticket=ticket)
    for page in (await noc(database, fleet), await status(database, "/status/hostile")):
        assert page.status_code == 200
        assert "alert" in page.text
        assert page.text.count("<script") == 1
        assert ' onfocus="' not in page.text


async def test_unknown_and_withdrawn_links_look_the_same(database: Database, fleet: Fleet) -> None:
    await well(fleet, "A", link="withdrawn")
    retired = await well(fleet, "B", link="retired")
    await database.owner.execute("UPDATE status_link SET revoked_at = now() WHERE link = 'withdrawn'")
    await database.owner.execute("UPDATE practice SET retired_at = now() WHERE practice_id = $1", retired)
    answers = [await status(database, f"/status/{link}") for link in ("none", "withdrawn", "retired", "%00", "a" * 300)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert len({str(sorted(answer.headers.items())) for answer in answers}) == 1


async def test_pages_carry_safe_headers(database: Database, fleet: Fleet) -> None:
    await well(fleet)
    for page in (
        await noc(database, fleet),
        await status(database, "/status/none"),
        await noc(database, fleet, "/static/vigie.js"),
    ):
        for name in SAFE_HEADERS:
            assert name in page.headers
        assert "unsafe" not in page.headers["Content-Security-Policy"]
    page = await status(database, "/status/well")
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    for inline in (" style=", "<style", "javascript:", "onclick"):
        assert inline not in page.text
