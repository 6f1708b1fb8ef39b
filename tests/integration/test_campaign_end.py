"""What a campaign does while it lasts, when it is over, and what is left to its practices then."""

from collector.deeds import Hand, acknowledge, close, merge
from collector.model.campaign import PROVIDER
from collector.model.rule_settings import Campaign
from collector.oversee import oversee
from tests.factories import DAY, HOUR, MINUTE, NOW
from tests.integration.campaigning import attack, campaigns, claimed, healed, practices, set_for_campaigns, tickets
from tests.integration.house import House, judge, report, rows


async def test_an_administrators_clock_that_is_ahead_ends_no_campaign(house: House) -> None:
    await attack(house, await practices(house, 3))
    await set_for_campaigns(house, Campaign(), at=NOW + 30 * DAY)
    await oversee(house.worker, NOW + HOUR)
    assert [(one["count"], one["state"]) for one in await campaigns(house)] == [("3", "open")]


async def test_every_incident_of_a_campaign_says_so_in_its_history(house: House) -> None:
    practice_ids = await practices(house, 4)
    await attack(house, practice_ids)
    woken = {row["practice_id"] for row in await rows(house, "SELECT practice_id FROM wake")}
    assert woken == set(practice_ids[:3])
    for practice_id in practice_ids:
        await judge(house, practice_id, NOW + HOUR)
    (campaign,) = await rows(house, "SELECT incident_id FROM incident WHERE practice_id = $1", PROVIDER)
    linked = await rows(house, "SELECT DISTINCT campaign_id FROM incident WHERE practice_id <> $1", PROVIDER)
    assert [row["campaign_id"] for row in linked] == [campaign["incident_id"]]
    joined = await rows(
        house, "SELECT practice_id FROM incident_event WHERE what = 'joined' AND practice_id <> $1", PROVIDER
    )
    assert sorted(row["practice_id"] for row in joined) == sorted(practice_ids)


async def test_it_ends_when_all_of_it_is_over_and_nothing_came_for_a_window(house: House) -> None:
    practice_ids = await practices(house, 3)
    await attack(house, practice_ids)
    for n, practice_id in enumerate(practice_ids, 1):
        await healed(house, practice_id, n, NOW + 4 * MINUTE)
    verdict = await oversee(house.worker, NOW + HOUR)
    assert verdict is not None
    assert verdict.next_due == NOW + 3 * MINUTE + 12 * HOUR
    await oversee(house.worker, verdict.next_due)
    assert [one["state"] for one in await campaigns(house)] == ["resolved"]
    assert await tickets(house) == [(f"Cabinet {n}", "resolved") for n in (1, 2, 3)] + [("Provider", "resolved")]


async def test_who_still_has_the_trouble_after_a_week_gets_a_ticket_of_its_own(house: House) -> None:
    practice_ids = await practices(house, 4)
    await attack(house, practice_ids)
    after = NOW + 3 * MINUTE + 7 * DAY  # from the third, which opened it
    await oversee(house.worker, after - MINUTE)
    assert [one["state"] for one in await campaigns(house)] == ["open"]
    await oversee(house.worker, after)
    await judge(house, practice_ids[3], after)
    assert ("Cabinet 4", "open") in await tickets(house)


async def test_what_was_merged_by_hand_is_looked_at_once_its_campaign_is_over(house: House) -> None:
    *attacked, other = await practices(house, 4)
    await attack(house, attacked)
    await report(house, other, NOW)
    await judge(house, other, NOW + HOUR)
    campaign_id = await house.owner.fetchval("SELECT incident_id FROM incident WHERE practice_id = $1", PROVIDER)
    incident_id = await house.owner.fetchval("SELECT incident_id FROM incident WHERE practice_id = $1", other)
    async with house.api.acquire() as conn:
        assert await merge(conn, incident_id, Hand("ada", NOW + HOUR), campaign_id=campaign_id)
        await close(conn, campaign_id, Hand("ada", NOW + HOUR), because="one tool of ours")
    await judge(house, other, NOW + HOUR)
    await claimed(house, NOW + HOUR)
    await house.owner.execute("DELETE FROM wake")
    for at, state in [(NOW + HOUR, "resolved"), (NOW + HOUR + MINUTE, "open"), (NOW + 8 * DAY, "resolved")]:
        assert not await rows(house, "SELECT FROM wake WHERE practice_id = $1", other), "closed by hand it speaks still"
        await oversee(house.worker, at)
        assert [one["state"] for one in await campaigns(house)] == [state]
    assert await rows(house, "SELECT FROM wake WHERE practice_id = $1", other)


async def test_a_campaign_is_acknowledged_as_any_incident(house: House) -> None:
    await attack(house, await practices(house, 3))
    (found,) = await rows(house, "SELECT incident_id FROM incident WHERE practice_id = $1", PROVIDER)
    async with house.api.acquire() as conn:
        assert await acknowledge(conn, found["incident_id"], Hand("ada", NOW + HOUR))
    await oversee(house.worker, NOW + HOUR)
    assert [one["state"] for one in await campaigns(house)] == ["acknowledged"]
