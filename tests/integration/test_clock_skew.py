"""A live endpoint with a dead clock: let in over HTTP, judged, and said to people on the pages."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.factories import MINUTE, backup, endpoint, heartbeat, new_id
from tests.integration.api_fleet import Fleet, settings, visitor
from tests.integration.house import House, body_of, enrol, judge, rows
from tests.integration.test_api_pages import words
from tests.integration.test_intake import URL, door

HOUR = timedelta(hours=1)
TWO_YEARS = timedelta(days=730)


async def send(house: House, token: str, *beats: dict[str, Any], headers: dict[str, str] | None = None) -> None:
    async with door(house.database.url) as client:
        for beat in beats:
            answer = await client.post(URL, json=beat, headers={"authorization": f"Bearer {token}"} | (headers or {}))
            assert answer.status_code == 202, answer.text


async def reporting(house: House, lag: timedelta, seq: int = 0, **changes: object) -> tuple[UUID, str]:
    """A practice whose only machine has a clock that lags, or is ahead; its status link."""
    enrolled = await enrol(house, at=datetime.now(UTC) - HOUR)
    clock = datetime.now(UTC) - lag
    told = heartbeat(clock, seq, backups=(backup(finished_at=clock),), endpoint=endpoint(new_id()))
    await send(house, str(enrolled.key), body_of(told, **changes))
    practice_id = enrolled.practice.practice_id
    await judge(house, practice_id, datetime.now(UTC))
    (link,) = await rows(house, "SELECT link FROM status_link WHERE practice_id = $1", practice_id)
    return practice_id, link["link"]


async def page(house: House, path: str, language: str) -> httpx.Response:
    fleet = Fleet(house.owner, now=datetime.now(UTC))
    token = await fleet.operator(f"Alice {datetime.now(UTC).isoformat()}")
    async with visitor(settings(house.database.url), now=lambda: datetime.now(UTC), language=language) as client:
        await client.post("/sign-in", data={"token": token})
        return await client.get(path)


@pytest.mark.parametrize(
    ("lag", "skew_s", "french", "english"),
    [
        pytest.param(
            TWO_YEARS, 730 * 86_400, "Horloge en retard de 730 jours.", "Clock 730 days behind.", id="2 years behind"
        ),
        pytest.param(2 * HOUR, 7_200, "Horloge en retard de 2 heures.", "Clock 2 hours behind.", id="2 hours behind"),
        pytest.param(-HOUR, -3_600, "Horloge en avance de 60 minutes.", "Clock 60 minutes ahead.", id="1 hour ahead"),
    ],
)
async def test_a_dead_clock_is_let_in_and_said_to_people(
    house: House, lag: timedelta, skew_s: int, french: str, english: str
) -> None:
    _, link = await reporting(house, lag)
    (stored,) = await rows(house, "SELECT skew_s FROM heartbeat")
    (known,) = await rows(house, "SELECT skew_s, state, last_seen_at FROM endpoint_now")
    assert stored["skew_s"] == pytest.approx(skew_s, abs=60)
    assert known["skew_s"] == stored["skew_s"]
    assert datetime.now(UTC) - known["last_seen_at"] < 5 * MINUTE
    assert french in words(await page(house, f"/status/{link}", "fr"))
    assert english in words(await page(house, f"/status/{link}", "en"))
    assert f"SRV-01 · {english}" in words(await page(house, "/noc", "en"))


async def test_a_run_told_by_a_dead_clock_is_a_run_of_now(house: House) -> None:
    await reporting(house, TWO_YEARS)
    (job,) = await rows(house, "SELECT last_good_at FROM job_now")
    assert datetime.now(UTC) - job["last_good_at"] < 5 * MINUTE


async def test_a_clock_within_what_is_tolerated_is_not_mentioned(house: House) -> None:
    _, link = await reporting(house, 4 * MINUTE)
    assert "Horloge" not in words(await page(house, f"/status/{link}", "fr"))
    assert "Clock" not in words(await page(house, "/noc", "en"))


async def test_a_clock_set_right_is_right_with_the_next_heartbeat(house: House) -> None:
    """Also where that heartbeat says nothing else that is new, and is not folded."""
    enrolled = await enrol(house, at=datetime.now(UTC) - HOUR)
    machine = endpoint(new_id())
    practice_id = enrolled.practice.practice_id
    told = [body_of(heartbeat(datetime.now(UTC) - lag, seq, endpoint=machine))
            for seq, lag in enumerate((2 * HOUR, timedelta(0)))]  # fmt: skip
    await send(house, str(enrolled.key), told[0], told[1])
    await house.owner.execute(
        "DELETE FROM section WHERE received_at > (SELECT min(received_at) FROM section); "
        "DELETE FROM wake WHERE heartbeat_id = (SELECT id FROM heartbeat WHERE seq = 1)"
    )
    await judge(house, practice_id, datetime.now(UTC))
    assert await rows(house, "SELECT skew_s FROM endpoint_now") == [{"skew_s": 0}]


async def test_heartbeats_lost_on_the_way_are_said_to_the_provider(house: House) -> None:
    enrolled = await enrol(house, at=datetime.now(UTC) - HOUR)
    now = datetime.now(UTC)
    machine = endpoint(new_id())
    beats = [body_of(heartbeat(now, seq, endpoint=machine)) for seq in (1, 2, 15)]
    await send(house, str(enrolled.key), *beats)
    await judge(house, enrolled.practice.practice_id, datetime.now(UTC))
    assert "SRV-01 · 12 heartbeats lost in a day." in words(await page(house, "/noc", "en"))
    fleet = Fleet(house.owner, now=now)
    async with visitor(settings(house.database.url), token=await fleet.operator("Bob")) as client:
        told = (await client.get(f"/v1/practices/{enrolled.practice.practice_id}")).json()
    assert [one["lost_heartbeats"] for one in told["endpoints"]] == [12]
