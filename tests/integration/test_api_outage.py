"""What the pages say of our own outage, and of machines whose clock or way to us is odd."""

import pytest

from tests.conftest import Database
from tests.integration.api_fleet import HOUR, NOW, Fleet
from tests.integration.test_api_pages import noc, status, well, words


@pytest.fixture
async def fleet(database: Database) -> Fleet:
    fleet = Fleet(database.owner)
    await fleet.listening()
    await fleet.operator("Alice")
    return fleet


async def test_the_noc_says_since_when_our_collectors_hear_nobody(database: Database, fleet: Fleet) -> None:
    await database.owner.execute("UPDATE listening SET up_to = $1", NOW - HOUR)
    assert "Our own outage since Thursday 15 January at 20:30." in words(await noc(database, fleet))


async def test_a_broken_way_to_our_collectors_does_not_look_green(database: Database, fleet: Fleet) -> None:
    await well(fleet)
    await database.owner.execute("INSERT INTO shortfall VALUES ($1, NULL, 1.4, 0.05)", NOW - HOUR)
    page = await noc(database, fleet)
    assert "<title>? Far fewer heartbeats reach us than should.</title>" in page.text
    said = "Since Thursday 15 January at 20:30, 3 of 84 expected a minute arrive. Check our own line"
    assert "before an hour is over. What is shown below" in words(page)
    assert said in words(page)
    read = words(await noc(database, fleet, language="fr"))
    assert "3 sur 84 attendus par minute arrivent." in read
    shown = await status(database, "/status/well", "en")
    assert "<title>? Unknown – Cabinet Doré</title>" in shown.text
    assert "We cannot vouch" in words(shown)
    assert "not your practice" not in words(shown)
    await database.owner.execute("UPDATE shortfall SET ended_at = $1", NOW)
    assert "heartbeats" not in words(await noc(database, fleet))


async def test_odd_machines_of_one_practice_do_not_bury_the_others(database: Database, fleet: Fleet) -> None:
    practice_id = await fleet.practice("A", "warning", "heartbeat_missing.silent")
    for number in range(9):
        await fleet.endpoint(practice_id, f"PC-{number}")
    await database.owner.execute("UPDATE endpoint_now SET lost_heartbeats = 1")
    await database.owner.execute("UPDATE endpoint_now SET skew_s = 600 WHERE name = 'PC-8'")
    read = words(await noc(database, fleet))
    assert read.count("1 heartbeat lost in a day.") == 3
    assert "PC-8 · Clock 10 minutes behind. 1 heartbeat lost in a day." in read
