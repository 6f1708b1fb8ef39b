"""The driver behaves as an agent does: what may be taken another time is sent again, what may not is not."""

import httpx
import pytest

from collector.simulation import drive
from collector.simulation.drive import Tally, _send
from tests.factories import heartbeat


@pytest.mark.parametrize(
    ("answers", "accepted", "refused"),
    [
        ([202], 1, 0),
        ([503, 202], 1, 1),
        ([429, 429, 202], 1, 2),
        ([408, 202], 1, 1),
        ([401], 0, 1),
        ([422], 0, 1),
    ],
)
async def test_what_may_be_taken_later_is_sent_again(
    monkeypatch: pytest.MonkeyPatch, answers: list[int], accepted: int, refused: int
) -> None:
    monkeypatch.setattr(drive, "RETRY_S", 0.0)
    left, tally = list(answers), Tally()
    transport = httpx.MockTransport(lambda _: httpx.Response(left.pop(0)))
    async with httpx.AsyncClient(transport=transport, base_url="http://collector") as client:
        await _send(client, heartbeat(), "vgp_", tally)
    assert (tally.accepted, tally.refused, left) == (accepted, refused, [])


@pytest.mark.parametrize(
    ("headers", "waited"), [({"retry-after": "7"}, 7.0), ({}, drive.RETRY_S), ({"retry-after": "soon"}, drive.RETRY_S)]
)
async def test_it_comes_again_when_it_was_asked_to(
    monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], waited: float
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("collector.simulation.drive.asyncio.sleep", sleep)
    left = [httpx.Response(429, headers=headers), httpx.Response(202)]
    transport = httpx.MockTransport(lambda _: left.pop(0))
    async with httpx.AsyncClient(transport=transport, base_url="http://collector") as client:
        await _send(client, heartbeat(), "vgp_", Tally())
    assert slept == [waited]
