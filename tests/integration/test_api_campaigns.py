"""What concerns the provider itself: above all practices, for programs as any incident, and never a practice."""

from uuid import UUID

import httpx
import pytest

from collector.model.campaign import PROVIDER
from tests.conftest import Database
from tests.integration.api_fleet import Fleet, settings, visitor
from tests.integration.test_api_pages import noc, words

_FACTS = """
    UPDATE incident SET facts = jsonb_build_object('count', $2::text, 'practices', $3::text) WHERE incident_id = $1
"""


@pytest.fixture
async def fleet(database: Database) -> Fleet:
    fleet = Fleet(database.owner)
    await fleet.listening()
    await fleet.operator("Alice")
    await fleet.practice("Cabinet Doré")
    return fleet


async def campaign(fleet: Fleet, count: int, *names: str) -> UUID:
    ticket = await fleet.ticket(PROVIDER, "Campaign at 3 practices: ransomware")
    found = await fleet.incident(PROVIDER, "campaign", "ransomware", job=None, ticket=ticket)
    await fleet.owner.execute(_FACTS, found, str(count), "\n".join(names))
    return found


async def get(database: Database, fleet: Fleet, path: str) -> httpx.Response:
    async with visitor(settings(database.url), token=fleet.operators["Alice"]) as client:
        return await client.get(path)


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "3 practices Files are being encrypted at several practices at once."),
        ("fr", "3 cabinets Des fichiers sont chiffrés dans plusieurs cabinets à la fois."),
    ],
)
async def test_a_campaign_stands_above_all_practices(
    database: Database, fleet: Fleet, language: str, told: str
) -> None:
    await fleet.practice("Silent", "critical", "heartbeat_missing.silent")
    found = await campaign(fleet, 3, "Cabinet A", "Cabinet B", "Cabinet C")
    page = await noc(database, fleet, language=language)
    read = words(page)
    assert told in read
    assert "Cabinet A, Cabinet B, Cabinet C" in read
    assert read.index(told) < read.index("Silent")
    assert f"/noc/incidents/{found}/acknowledge" in page.text


async def test_of_many_practices_the_page_says_that_it_names_only_some(database: Database, fleet: Fleet) -> None:
    await campaign(fleet, 1_000, "Cabinet A", "Cabinet B")
    read = words(await noc(database, fleet))
    assert "1,000 practices" in read or "1000 practices" in read
    assert "Cabinet A, Cabinet B …" in read


async def test_a_shortfall_is_said_of_everybody(database: Database, fleet: Fleet) -> None:
    await fleet.incident(PROVIDER, "own_outage", "arrivals_short", job=None)
    assert "Ourselves Far fewer heartbeats reach us than should" in words(await noc(database, fleet))


async def test_without_one_nothing_is_said(database: Database, fleet: Fleet) -> None:
    assert 'id="ours"' not in (await noc(database, fleet)).text


async def test_the_provider_is_counted_and_listed_nowhere(database: Database, fleet: Fleet) -> None:
    await campaign(fleet, 3, "Cabinet A")
    listed = (await get(database, fleet, "/v1/practices")).json()
    assert [one["name"] for one in listed["items"]] == ["Cabinet Doré"]
    assert (await get(database, fleet, f"/v1/practices/{PROVIDER}")).status_code == 404
    assert "1 all well" in words(await noc(database, fleet))


async def test_programs_read_its_incidents_and_tickets_as_any_others(database: Database, fleet: Fleet) -> None:
    found = await campaign(fleet, 3, "Cabinet A")
    (one,) = (await get(database, fleet, f"/v1/incidents?practice_id={PROVIDER}")).json()["items"]
    assert (one["incident_id"], one["practice"], one["rule"]) == (str(found), "Provider", "campaign")
    assert (one["facts"]["count"], one["inhibited_by"], one["campaign_id"]) == ("3", None, None)
    (ticket,) = (await get(database, fleet, "/v1/tickets")).json()["items"]
    assert ticket["practice_id"] == str(PROVIDER)
