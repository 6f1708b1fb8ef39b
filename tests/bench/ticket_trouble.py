"""Machines that are in trouble without a pause, so that tickets open, go on, close and reopen all the time."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from collector.model.identity import uuid7
from collector.store.connect import AWAY, StoreAwayError, connect

PAUSE_S = (0.1, 0.8)
AGAIN_S = 0.2
RELAPSES = 0.3
SEVERITIES = ("high", "medium")  # critical and a warning: each goes to a ticket system of its own

_TICKETED = "SELECT ticket_id IS NOT NULL FROM incident WHERE facts->>'alert' = $1"


@dataclass
class Troubles:
    """The names of all alerts that were acknowledged as open; each is owed a ticket."""

    owed: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)


class Practice:
    """One machine after another of a practice: an alert or two, all remediated, now and then a relapse.

    No alert is over before it has a ticket: what nobody could know of in time is owed none.
    """

    def __init__(
        self, http: httpx.AsyncClient, key: str, database_url: str, severity: str, random: Random, troubles: Troubles
    ) -> None:
        self._http = http
        self._headers = {"authorization": f"Bearer {key}"}
        self._database_url = database_url
        self._severity = severity
        self._random = random
        self._troubles = troubles

    async def suffer(self, enough: asyncio.Event) -> None:
        """Until it is enough; what was begun comes to its end."""
        while not enough.is_set():
            machine = str(uuid4())
            await self._trouble(machine)
            if self._random.random() < RELAPSES:
                await self._trouble(machine)

    async def _trouble(self, machine: str) -> None:
        names = [f"trouble {uuid4()}" for _ in range(self._random.randint(1, 2))]
        for name in names:
            await self._tell(machine, {name: "open"})
            self._troubles.owed.add(name)
            await asyncio.sleep(self._random.uniform(*PAUSE_S))
        for name in names:
            while not await self._ticketed(name):  # noqa: ASYNC110 - in another process
                await asyncio.sleep(AGAIN_S)
        await self._tell(machine, dict.fromkeys(names, "remediated"))

    async def _ticketed(self, name: str) -> bool:
        try:
            conn = await connect(self._database_url)
            try:
                return bool(await conn.fetchval(_TICKETED, name))
            finally:
                await conn.close()
        except (*AWAY, StoreAwayError, asyncpg.PostgresError):
            return False

    async def _tell(self, machine: str, alerts: dict[str, str]) -> None:
        beat = self._beat(machine, alerts)
        while not await self._answered(beat):  # noqa: ASYNC110 - by another process
            await asyncio.sleep(AGAIN_S)

    async def _answered(self, beat: dict[str, Any]) -> bool:
        try:
            answer = await self._http.post("/v1/heartbeats", json=beat, headers=self._headers)
        except httpx.HTTPError:
            return False
        if answer.status_code not in (202, 429, 503):
            self._troubles.faults.append(f"{answer.status_code} {answer.text[:300]}")
        return answer.status_code not in (429, 503)

    def _beat(self, machine: str, alerts: dict[str, str]) -> dict[str, Any]:
        """With a backup and a scan beside, so that nothing else is wrong with the machine."""
        now = datetime.now(UTC)
        at = now.isoformat()
        told = [
            {"id": name, "at": at, "severity": self._severity, "category": "malware", "name": name, "status": status}
            for name, status in alerts.items()
        ]
        return {
            "id": str(uuid7(now, self._random)), "seq": 1, "sent_at": at, "interval_s": 86_400,
            "endpoint": {"id": machine, "name": machine[:8], "role": "server"}, "alerts": told,
            "backups": [{"job": "daily", "tool": "restic 0.16.4", "status": "success", "finished_at": at}],
            "patches": {"scanned_at": at, "missing": []},
        }  # fmt: skip
