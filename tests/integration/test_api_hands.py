"""What operators do on the pages: forms that work without a script, marks that say what rests, the whole history."""

import json
import re
from uuid import uuid4

import pytest

from collector.model.campaign import PROVIDER
from collector.store.timeline import MOST_ENTRIES
from tests.integration.api_fleet import HOUR, NOW
from tests.integration.browsing import Browser
from tests.integration.test_api_pages import HOSTILE, words


@pytest.mark.parametrize(
    ("deed", "form", "told"),
    [
        ("acknowledge", {"span": "4h"}, "until Fri 16 Jan 01:30"),
        ("acknowledge", {}, "until Fri 16 Jan 21:30"),
        ("snooze", {"span": "1h"}, "Alice snoozed it until Thu 15 Jan 22:30"),
        ("snooze", {}, "Alice snoozed it until Fri 16 Jan 01:30"),
        ("assign", {"to": "Bob"}, "Given to Bob"),
        ("resolve", {"words": "cable"}, "Alice says that it is over; this is being checked"),
    ],
)
async def test_a_deed_shows_on_both_pages(browser: Browser, deed: str, form: dict[str, str], told: str) -> None:
    done = await browser.do(deed, **form)
    assert (done.status_code, done.headers["location"]) == (303, f"/noc/incidents/{browser.incident_id}")
    assert told in words(await browser.see())
    assert told in words(await browser.own_page())
    assert await browser.database.owner.fetchval("SELECT count(*) FROM incident_event") == 1


async def test_a_row_of_the_noc_takes_the_incident_and_leads_to_its_page_for_the_rest(browser: Browser) -> None:
    page, own = (await browser.see()).text, f"/noc/incidents/{browser.incident_id}"
    assert re.findall(rf'(?:href|action)="({own}[^"]*)"', page) == [own, f"{own}/acknowledge"]
    assert f'form="take" formaction="{own}/acknowledge"' in page
    assert page.count('<form id="take"') == page.count('name="span"') == 1  # for all rows: there may be hundreds
    assert "incident_id=" not in page
    assert re.findall(r'<option value="(\w+)"', page) == ["1h", "4h", "24h"]  # never too long for one person
    done = await browser.post(f"{own}/acknowledge", span="24h", back="noc")
    assert (done.status_code, done.headers["location"]) == (303, f"/noc#incident-{browser.incident_id}")
    after = await browser.see()
    assert "until Fri 16 Jan 21:30" in words(after)
    assert f'action="{own}' not in after.text


async def test_what_was_done_can_be_undone(browser: Browser) -> None:
    for deed, undo, mark in (("acknowledge", "let-go", "Alice is on it"), ("snooze", "wake", "Alice snoozed it")):
        await browser.do(deed)
        assert mark in words(await browser.own_page())
        assert (await browser.do(undo)).status_code == 303
        assert mark not in words(await browser.own_page()).split("What happened")[0]


async def test_a_comment_stands_in_the_history_as_it_was_said(browser: Browser) -> None:
    await browser.do("comment", words=f"no power {HOSTILE}")
    page = await browser.own_page()
    assert f"Thu 15 Jan 21:30 · Alice Comment: no power {HOSTILE}" in words(page)
    assert page.text.count("<script") == 1


async def test_as_many_words_as_a_field_takes_are_taken_however_many_lines_they_are(browser: Browser) -> None:
    """A browser counts a line's end once, and sends two characters for it."""
    typed = "x" * 999 + "\n" + "y" * 1_000
    assert (await browser.do("comment", words=typed.replace("\n", "\r\n"))).status_code == 303
    assert await browser.database.owner.fetchval("SELECT said FROM incident_event") == typed


async def test_a_long_history_is_read_a_part_at_a_time(browser: Browser) -> None:
    await browser.database.owner.execute(
        """INSERT INTO incident_event (practice_id, incident_id, at, what, said, actor)
           SELECT $1, $2, $3, 'commented', 'word ' || n || '.', 'Bob' FROM generate_series(1, $4) AS n""",
        browser.practice_id, browser.incident_id, NOW, MOST_ENTRIES + 1,
    )  # fmt: skip
    last = await browser.own_page()
    assert (last.text.count("Comment:"), "word 1." in last.text, "word 2." in last.text) == (MOST_ENTRIES, False, True)
    [earlier] = re.findall(r'href="([^"]+)">What happened earlier', last.text)
    first = await browser.see(earlier)
    assert ("word 1." in first.text, "word 2." in first.text) == (True, False)
    assert "Back to the last" in first.text
    assert "What happened earlier" not in first.text


@pytest.mark.parametrize(
    ("deed", "form", "told"),
    [
        ("comment", {"words": " "}, "please say something"),
        ("resolve", {}, "why it is over"),
        ("assign", {"to": "Nobody Known"}, "nobody in escalation.yaml has this name"),
        ("merge", {}, "this campaign does not last any more"),
    ],
)
async def test_what_is_refused_says_why_on_the_incidents_own_page(
    browser: Browser, deed: str, form: dict[str, str], told: str
) -> None:
    page = await browser.do(deed, **form)
    assert page.status_code == 409
    assert 'role="alert" id="refusal"' in page.text
    assert told in words(page)
    assert await browser.database.owner.fetchval("SELECT count(*) FROM incident_event") == 0


async def test_what_takes_two_people_says_so_in_place_of_a_snooze(browser: Browser) -> None:
    await browser.database.owner.execute("UPDATE incident SET signature = 'ransomware_signature'")
    page = await browser.own_page()
    assert "cannot be held back by one person" in words(page)
    assert 'id="snooze-span"' not in page.text
    assert "cannot be held back by one person" in words(await browser.do("snooze"))


async def test_what_is_over_has_no_forms(browser: Browser) -> None:
    browser.incident_id = await browser.fleet.incident(browser.practice_id, state="resolved")
    page = await browser.own_page()
    assert "Resolved Thu 15 Jan 21:30" in words(page)
    assert f'action="/noc/incidents/{browser.incident_id}' not in page.text
    refused = await browser.do("acknowledge")
    assert (refused.status_code, "the incident is resolved" in words(refused)) == (409, True)


async def test_a_campaign_is_offered_to_be_merged_into(browser: Browser) -> None:
    campaign = await browser.fleet.incident(PROVIDER, "campaign", "backup_tool", job=None)
    facts = {"count": "3", "practices": "A\nB", "began_at": NOW.isoformat(), "tickets": "own", "practice_ids": ""}
    await browser.database.owner.execute(
        "UPDATE incident SET facts = $2::jsonb, subject = 'campaign:backup_tool:restic' WHERE incident_id = $1",
        campaign, json.dumps(facts),
    )  # fmt: skip
    assert "3 practices – One backup tool fails at many practices at once." in words(await browser.own_page())
    assert (await browser.do("merge", campaign_id=str(campaign))).status_code == 303
    assert "Campaign: One backup tool fails" in words(await browser.own_page())
    browser.incident_id = campaign
    assert "← Who needs us now? 3 practices As of" in words(await browser.own_page())


async def test_a_campaign_leads_to_each_of_its_practices(browser: Browser) -> None:
    well = await browser.fleet.practice("Cabinet <B>")
    browser.incident_id = await browser.fleet.incident(PROVIDER, "campaign", "backup_tool", job=None)
    facts = {"count": "2", "practices": "Cabinet A\nCabinet <B>", "practice_ids": f"{browser.practice_id},{well}"}
    await browser.database.owner.execute(
        "UPDATE incident SET facts = $2::jsonb WHERE incident_id = $1", browser.incident_id, json.dumps(facts)
    )
    links = re.findall(r'<a href="(/noc\?practice=[^"]+)">([^<]+)</a>', (await browser.own_page()).text)
    assert [name for _, name in links] == ["Cabinet A", "Cabinet &lt;B&gt;"]
    for (path, _), practice_id in zip(links, (browser.practice_id, well), strict=True):
        page = await browser.see(path)
        assert re.findall(r'id="practice-([^"]+)"', page.text) == [str(practice_id)]
    assert (await browser.client.get(f"/noc?practice={uuid4()}")).status_code == 404


async def test_what_holds_an_incident_and_until_when_is_marked(browser: Browser) -> None:
    silence_id = uuid4()
    await browser.database.owner.execute(
        "INSERT INTO silence VALUES ($1, $2::jsonb, $3, $4, NULL, 'server moves', 'Bob')",
        silence_id, json.dumps({"practice_id": str(browser.practice_id)}), NOW - HOUR, NOW + HOUR,
    )  # fmt: skip
    for held_by, told in (
        (f"silence:{silence_id}", "Silenced by Bob until Thu 15 Jan 22:30 : server moves"),
        (f"silence:{uuid4()}", "Silenced; the silence is ending"),
        ("practice_silent", "Notifies nobody: told by “Practice silent”"),
        ("brand_new_rule", "Notifies nobody: told by “brand_new_rule”"),
    ):
        await browser.database.owner.execute(
            "UPDATE incident SET walk = walk || $1::jsonb", json.dumps({"held_by": held_by})
        )
        assert told in words(await browser.see())
        assert told in words(await browser.own_page())
    await browser.database.owner.execute("UPDATE incident SET flapping = true")
    assert "Comes and goes" in words(await browser.see())


@pytest.mark.parametrize(
    ("url", "linked"),
    [("https://rt.example/4711", True), ("javascript:alert(1)", False), (None, False), ("//rt.example", False)],
)
async def test_the_ticket_is_linked_where_its_people_work_on_it(
    browser: Browser, url: str | None, linked: bool
) -> None:
    ticket = await browser.fleet.ticket(browser.practice_id)
    await browser.database.owner.execute("UPDATE incident SET ticket_id = $1", ticket)
    assert "For tickets; not numbered there yet" in words(await browser.own_page())
    await browser.database.owner.execute(
        """INSERT INTO ticket_remote (practice_id, ticket_id, channel, asked_at, remote_id, url)
           VALUES ($1, $2, 'tickets', $3, '4711', $4)""",
        browser.practice_id, ticket, NOW, url,
    )  # fmt: skip
    page = await browser.own_page()
    assert "Ticket 4711 in tickets" in words(page)
    assert (f'href="{url}"' in page.text) is linked
    assert "javascript:" not in page.text


async def test_pages_and_forms_are_for_operators(browser: Browser) -> None:
    paths = [f"/noc/incidents/{browser.incident_id}", "/noc/silences", "/noc/silences/new"]
    assert (await browser.client.get(f"/noc/incidents/{uuid4()}")).status_code == 404
    assert (await browser.do("eat")).status_code == 422
    browser.client.cookies.clear()
    for path in paths:
        assert (await browser.client.get(path)).headers["location"].startswith("/sign-in?to=")
    assert (await browser.client.post(f"{paths[0]}/snooze")).headers["location"] == "/sign-in"
    assert await browser.database.owner.fetchval("SELECT count(*) FROM incident_event") == 0


async def test_every_field_of_a_page_has_a_label(browser: Browser) -> None:
    for path in ("/noc", f"/noc/incidents/{browser.incident_id}", "/noc/silences/new"):
        text = (await browser.see(path)).text
        for part in text.split(' id="')[1:]:
            name = part.split('"')[0]
            before = text.split(f' id="{name}"')[0].rsplit("<", 1)[1]
            if before.split()[0] in {"input", "select", "textarea"}:
                assert f'for="{name}"' in text, name
