"""Silences on the pages: looked at, begun, seen by whoever approves, ended; and mistakes told at their field."""

import json
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from collector.model.campaign import PROVIDER
from tests.integration.api_fleet import NOW
from tests.integration.browsing import Browser
from tests.integration.test_api_pages import words


async def asked(browser: Browser, **form: object) -> httpx.Response:
    draft = {"silence_id": str(uuid4()), "practice": "Cabinet A", "reason": "server moves", "step": "begin"}
    return await browser.post("/noc/silences", **(draft | form))


async def test_a_silence_is_looked_at_begun_approved_and_ended(browser: Browser) -> None:
    form = await browser.see(f"/noc/silences/new?incident_id={browser.incident_id}")
    assert 'value="Cabinet A"' in form.text
    assert 'value="backup_missed" selected' in form.text
    preview = await asked(browser, step="preview")
    assert (preview.status_code, "1 incident would notify nobody" in words(preview)) == (200, True)
    begun = await asked(browser)
    path = begun.headers["location"]
    assert "Cabinet A server moves Asked for by Alice" in words(await browser.see("/noc/silences"))
    assert "You asked for this." in words(await browser.see(path))
    refused = await browser.post(f"{path}/approve")
    assert (refused.status_code, "somebody else must" in words(refused)) == (409, True)
    await browser.sign_in("Bob")
    assert (await browser.post(f"{path}/approve")).status_code == 303
    assert "Approved by Bob" in words(await browser.see("/noc/silences"))
    assert (await browser.post(f"{path}/end")).status_code == 303
    assert "Ended by Bob, Thu 15 Jan 21:30" in words(await browser.see("/noc/silences"))
    assert (await browser.post(f"/noc/silences/{uuid4()}/end")).status_code == 404


async def begun(browser: Browser, **form: object) -> str:
    """The address of a silence that somebody has asked for."""
    answer = await asked(browser, **form)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def encrypted(browser: Browser) -> UUID:
    incident = await browser.fleet.incident(browser.practice_id, "ransomware_signature", "at_once", endpoint="NAS")
    await browser.database.owner.execute(
        "UPDATE incident SET signature = 'ransomware_signature' WHERE incident_id = $1", incident
    )
    return incident


async def test_whoever_approves_sees_first_what_that_would_hold(browser: Browser) -> None:
    attack = await encrypted(browser)
    path = await begun(browser)
    await browser.sign_in("Bob")
    board = await browser.see("/noc/silences")
    assert "/approve" not in board.text
    assert f'href="{path}">Look and approve' in board.text
    page = await browser.see(path)
    assert "It covers 1 practice: Cabinet A" in words(page)
    asked_for, held = words(page).split("1 incident would notify nobody:")
    assert "1 incident takes two people to silence, and notifies until somebody else approves:" in asked_for
    assert asked_for.endswith("Check before anything else. · takes two people ")
    assert "Cabinet A The backup did not run when it was due." in held
    for incident in (attack, browser.incident_id):
        assert f'href="/noc/incidents/{incident}"' in page.text
    assert (await browser.post(f"{path}/approve", seen=path)).headers["location"] == path
    approved = await browser.see(path)
    assert "2 incidents would notify nobody:" in words(approved)
    assert "takes two people" in words(approved)
    assert "/approve" not in approved.text


async def test_who_asked_is_shown_what_waits_for_somebody_else(browser: Browser) -> None:
    await encrypted(browser)
    page = await browser.see(await begun(browser))
    assert "1 incident takes two people to silence" in words(page)
    assert "You asked for this." in words(page)
    assert "/approve" not in page.text


async def test_what_was_asked_for_at_the_command_line_offers_no_approval(browser: Browser) -> None:
    path = await begun(browser)
    await browser.database.owner.execute("UPDATE silence SET by = 'cli:root'")
    page = await browser.see(path)
    assert "so nobody can approve it" in words(page)
    assert "/approve" not in page.text


async def test_a_silence_that_is_over_offers_nothing(browser: Browser) -> None:
    path = await begun(browser)
    await browser.post(f"{path}/end")
    page = await browser.see(path)
    assert "Ended by Alice, Thu 15 Jan 21:30" in words(page)
    assert "What it covers now" not in words(page)
    assert f'action="{path}' not in page.text
    assert (await browser.client.get(f"/noc/silences/{uuid4()}")).status_code == 404


async def test_a_silence_of_many_practices_says_how_many_and_names_some(browser: Browser) -> None:
    for number in range(21):
        await browser.fleet.practice(f"P{number:02}")
    await browser.database.owner.execute("UPDATE practice SET retired_at = now() WHERE name = 'P20'")
    read = words(await browser.see(await begun(browser, practice="", rule="backup_missed")))
    assert "It covers 21 practices: Cabinet A, P00, P01," in read
    assert "P18 …" in read
    assert "P19" not in read


async def test_a_campaign_that_is_covered_is_named_by_its_practices(browser: Browser) -> None:
    campaign = await browser.fleet.incident(PROVIDER, "campaign", "ransomware", job=None)
    await browser.database.owner.execute(
        "UPDATE incident SET facts = $2::jsonb WHERE incident_id = $1", campaign, json.dumps({"count": "3"})
    )
    read = words(await browser.see(await begun(browser, practice="", rule="campaign")))
    assert "3 practices Files are being encrypted at several practices at once. · takes two people" in read


async def test_a_form_sent_twice_makes_one_silence(browser: Browser) -> None:
    silence_id = str(uuid4())
    for _ in range(2):
        assert (await asked(browser, silence_id=silence_id)).status_code == 303
    assert await browser.database.owner.fetchval("SELECT count(*) FROM silence") == 1
    other = await asked(browser, silence_id=silence_id, reason="another")
    assert "This form was used already" in words(other)


async def test_a_window_of_the_week_is_read_on_the_providers_clock(browser: Browser) -> None:
    form = {"days": ["sat", "sun"], "opens": "22:00", "hours": "6", "lasts": "90d", "starts": "2026-01-16T08:00"}
    assert (await asked(browser, **form)).status_code == 303
    [row] = await browser.database.owner.fetch("SELECT * FROM silence")
    assert row["since"] == NOW + timedelta(hours=9, minutes=30)  # 08:00 in Paris
    assert row["until"] - row["since"] == timedelta(days=90)
    assert json.loads(row["weekly"])["zone"] == "Europe/Paris"
    told = words(await browser.see("/noc/silences"))
    assert "Each week on Saturday, Sunday, from 22:00 for 6 hours (Europe/Paris)" in told


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"practice": "", "rule": ""}, "to silence everything is to be blind"),
        ({"practice": "Cabinet B"}, "No practice of this name is watched."),
        ({"practice": "", "endpoint": "SRV-01", "rule": "backup_missed"}, "A machine belongs to a practice"),
        ({"endpoint": "SRV-99"}, "has no machine of this name"),
        ({"endpoint": "TWIN"}, "Several machines have this name"),
        ({"rule": "eat"}, "There is no such kind of trouble."),
        ({"labels": "gold"}, "Write each once, as name=value"),
        ({"labels": "city=Pessac, city=Bordeaux"}, "Write each once, as name=value"),
        ({"days": ["mon"], "opens": "22:00"}, "over before its weekly window opens"),
        ({"reason": " "}, "Say why"),
        ({"starts": "soon"}, "This is no date and time."),
        ({"starts": "2025-01-01T00:00"}, "It would be over already."),
        ({"days": ["mon"], "opens": ""}, "Say from what time"),
        ({"days": ["mon"], "opens": "22:00", "hours": "25"}, "Say from what time"),
        ({"days": ["mon"], "opens": "22:00", "hours": "nan"}, "Say from what time"),
    ],
)
async def test_a_mistake_in_the_form_is_told_at_its_field_and_nothing_is_lost(
    browser: Browser, form: dict[str, object], told: str
) -> None:
    for _ in range(2):
        await browser.fleet.endpoint(browser.practice_id, "TWIN")
    page = await asked(browser, **form)
    assert page.status_code == 422
    assert told in words(page)
    assert form.get("reason") or 'value="server moves"' in page.text
    assert await browser.database.owner.fetchval("SELECT count(*) FROM silence") == 0


@pytest.mark.parametrize(
    ("starts", "told"),
    [
        ("9999-12-31T23:59", "see whether the year is right"),
        ("2062-01-15T22:00", "see whether the year is right"),
        ("0001-01-01T00:00", "no date and time"),
    ],
)
async def test_a_silence_of_another_age_is_a_mistake_in_the_year(browser: Browser, starts: str, told: str) -> None:
    form = {"silence_id": uuid4(), "practice": "Cabinet A", "reason": "move", "starts": starts, "step": "begin"}
    page = await browser.post("/noc/silences", **form)
    assert page.status_code == 422
    assert told in words(page)
