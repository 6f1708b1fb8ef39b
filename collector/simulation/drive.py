"""Sends simulated heartbeats over HTTP as the clock comes to them."""

import asyncio
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from collector.model.heartbeat import Heartbeat
from collector.simulation.heartbeats import beats
from collector.simulation.script import MachineScript, PracticeScript

RETRY_S = 1.0


@dataclass(frozen=True)
class Enrolment:
    """A practice as it is simulated, and the key that it reports with."""

    script: PracticeScript
    key: str


@dataclass
class Tally:
    """What the driver has seen so far."""

    accepted: int = 0
    refused: int = 0


def playlist(
    enrolments: Sequence[Enrolment], begin: datetime, until: timedelta
) -> Iterator[tuple[Heartbeat, Enrolment]]:
    """Every heartbeat of the fleet in the order of its time."""
    streams = (
        _stream(enrolment, machine, begin, until) for enrolment in enrolments for machine in enrolment.script.machines
    )
    return heapq.merge(*streams, key=lambda item: (item[0].sent_at, item[0].id))


def _stream(
    enrolment: Enrolment, machine: MachineScript, begin: datetime, until: timedelta
) -> Iterator[tuple[Heartbeat, Enrolment]]:
    return ((beat, enrolment) for beat in beats(enrolment.script.name, machine, begin, until))


async def drive(
    collector_url: str, enrolments: Sequence[Enrolment], begin: datetime, until: timedelta, tally: Tally
) -> None:
    """Send each heartbeat when its time has come; one that is not taken is sent again until it is."""
    async with httpx.AsyncClient(base_url=collector_url) as client, asyncio.TaskGroup() as sending:
        for beat, enrolment in playlist(enrolments, begin, until):
            await asyncio.sleep(max(0.0, (beat.sent_at - datetime.now(UTC)).total_seconds()))
            sending.create_task(_send(client, beat, enrolment.key, tally))


async def _send(client: httpx.AsyncClient, beat: Heartbeat, key: str, tally: Tally) -> None:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    body = beat.model_dump_json(exclude_none=True)
    while True:
        try:
            response = await client.post("/v1/heartbeats", content=body, headers=headers)
        except httpx.HTTPError:
            response = None
        if response is not None and response.status_code == httpx.codes.ACCEPTED:
            tally.accepted += 1
            return
        tally.refused += 1
        if response is not None and not _later(response):
            return
        await asyncio.sleep(RETRY_S if response is None else _asked(response))


def _asked(response: httpx.Response) -> float:
    """Seconds until the server wants it again."""
    asked = response.headers.get("retry-after", "")
    return float(asked) if asked.isdecimal() else RETRY_S


def _later(response: httpx.Response) -> bool:
    """Whether the same may be taken another time, as an agent sees it."""
    later = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)
    return response.is_server_error or response.status_code in later
