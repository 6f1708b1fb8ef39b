"""Agents and scripts that report without a pause, send again what was not answered, and keep account of answers."""

import asyncio
import gzip
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID, uuid4

import httpx

from collector.model.identity import uuid7

TIMEOUT_S = 15.0
LARGEST_BATCH = 30
SENT_AGAIN = 0.05  # of what was answered already: an agent whose answer was lost
PAUSE_S = (0.05, 0.4)


@dataclass
class Account:
    """What was sent and what was answered. `acknowledged` names the instant of the first answer."""

    sent: dict[UUID, str] = field(default_factory=dict)  # the run that it told of
    acknowledged: dict[UUID, datetime] = field(default_factory=dict)
    pinged: dict[UUID, int] = field(default_factory=dict)  # pings that were acknowledged, and how often each was sent
    unchecked: list[UUID] = field(default_factory=list)
    contradicted: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    resent: int = 0
    refused: int = 0
    alive_at: float = 0.0  # when the latest request that was answered well had been sent

    def add(self, result: dict[str, Any], sent_at: float) -> None:
        key, received_at = UUID(result["id"]), datetime.fromisoformat(result["received_at"])
        if key not in self.acknowledged:
            self.acknowledged[key] = received_at
            self.unchecked.append(key)
        elif self.acknowledged[key] != received_at:
            self.contradicted.append(f"{key}: {self.acknowledged[key]}, then {received_at}")
        self.alive_at = max(self.alive_at, sent_at)

    def add_ping(self, run_id: UUID, times: int, sent_at: float) -> None:
        self.pinged[run_id] = times
        self.unchecked.append(run_id)
        self.alive_at = max(self.alive_at, sent_at)

    def take_unchecked(self) -> list[UUID]:
        taken, self.unchecked = self.unchecked, []
        return taken


class Agent:
    """One endpoint. Every heartbeat tells of another run, so that none can go without its section."""

    def __init__(self, http: httpx.AsyncClient, key: str, random: Random, account: Account) -> None:
        self._http = http
        self._headers = {"authorization": f"Bearer {key}"}
        self._random = random
        self._account = account
        self._endpoint = str(uuid4())
        self._seq = 0

    async def report(self, enough: asyncio.Event) -> None:
        """Until it is enough; what was begun is brought to its answer."""
        while not enough.is_set():
            many = self._random.random() < 0.3
            beats = [self._beat() for _ in range(self._random.randint(2, LARGEST_BATCH) if many else 1)]
            content, headers = self._packed(beats)
            again = 1 + (self._random.random() < SENT_AGAIN)
            for _ in range(again):
                await self._until_answered(beats, content, headers)
            self._account.resent += again - 1

    async def _until_answered(self, beats: Sequence[dict[str, Any]], content: bytes, headers: dict[str, str]) -> None:
        while not await self._answered(beats, content, headers):
            self._account.resent += 1
            await asyncio.sleep(self._random.uniform(*PAUSE_S))

    async def _answered(self, beats: Sequence[dict[str, Any]], content: bytes, headers: dict[str, str]) -> bool:
        sent_at = time.monotonic()
        try:
            answer = await self._http.post("/v1/heartbeats", content=content, headers=self._headers | headers)
        except httpx.HTTPError:
            return False
        if answer.status_code in (429, 503) and "retry-after" in answer.headers:
            self._account.refused += 1
            return False
        told = answer.json() if answer.status_code == 202 else {}
        results = told.get("results", [told])
        if [one.get("id") for one in results] != [one["id"] for one in beats] or any(
            "problem" in one for one in results
        ):
            self._account.faults.append(f"{answer.status_code} {answer.text[:300]}")
            return True
        for result in results:
            self._account.add(result, sent_at)
        return True

    def _beat(self) -> dict[str, Any]:
        now = datetime.now(UTC)
        key, run_id = uuid7(now, self._random), str(uuid4())
        self._account.sent[key] = run_id
        self._seq += 1
        run = {
            "job": "daily",
            "tool": "restic 0.16.4",
            "run_id": run_id,
            "status": "success",
            "finished_at": now.isoformat(),
        }
        return {
            "id": str(key), "seq": self._seq, "sent_at": now.isoformat(), "interval_s": 300, "backups": [run],
            "endpoint": {"id": self._endpoint, "name": "SRV-01", "role": "server"},
        }  # fmt: skip

    def _packed(self, beats: Sequence[dict[str, Any]]) -> tuple[bytes, dict[str, str]]:
        """One as it is; several as an array or lines, zipped or not."""
        if len(beats) == 1:
            return json.dumps(beats[0]).encode(), {"content-type": "application/json"}
        lines, zipped = self._random.random() < 0.5, self._random.random() < 0.4
        content = ("\n".join(json.dumps(one) for one in beats) if lines else json.dumps(beats)).encode()
        headers = {"content-type": "application/x-ndjson" if lines else "application/json"}
        return (gzip.compress(content), headers | {"content-encoding": "gzip"}) if zipped else (content, headers)


class Script:
    """Pings the address of a job. A ping has no id: one whose answer was lost and that is sent again is another."""

    def __init__(self, http: httpx.AsyncClient, job_key: str, random: Random, account: Account) -> None:
        self._http = http
        self._url = f"/ping/{job_key}"
        self._random = random
        self._account = account

    async def report(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            run_id, times = uuid4(), 1
            while not await self._answered(run_id, times):
                times += 1
                await asyncio.sleep(self._random.uniform(*PAUSE_S))

    async def _answered(self, run_id: UUID, times: int) -> bool:
        sent_at = time.monotonic()
        try:
            answer = await self._http.get(self._url, params={"rid": str(run_id)})
        except httpx.HTTPError:
            return False
        if answer.status_code in (429, 503) and "retry-after" in answer.headers:
            self._account.refused += 1
            return False
        if (answer.status_code, answer.text) != (200, "OK"):
            self._account.faults.append(f"{answer.status_code} {answer.text[:300]}")
            return True
        self._account.add_ping(run_id, times, sent_at)
        return True
