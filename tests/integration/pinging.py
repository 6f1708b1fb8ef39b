"""A script of a practice that pings, as fixtures for the tests of pings."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from collector.administer import Deed, Enrolled, add_key, add_ping, set_keep_logs
from collector.judge import Verdict
from collector.model.credential import Holder
from collector.model.snapshot import JobState
from collector.model.subject import job_subject
from tests.integration.house import House, enrol, judge, rows
from tests.integration.test_intake import door

SECRET = "Dupont_Jeanne_IRM"
RESTIC = f'open /srv/{SECRET}.pdf\n{{"message_type":"summary","files_new":2,"files_changed":1,"data_added":7,'
RESTIC += '"total_files_processed":9,"total_bytes_processed":1024}\n'


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Script:
    """A practice, and what its scripts know: a job's URL and a key for slugs."""

    house: House
    client: httpx.AsyncClient
    enrolled: Enrolled
    job: str
    key: str

    @property
    def practice_id(self) -> UUID:
        return self.enrolled.practice.practice_id

    async def ping(self, what: str = "", method: str = "POST", **more: Any) -> httpx.Response:
        return await self.client.request(method, f"/ping/{self.job}{what}", **more)

    async def ping_slug(self, what: str, **more: Any) -> httpx.Response:
        return await self.client.post(f"/ping/{self.key}/{what}", **more)

    async def judged(self, at: datetime | None = None) -> Verdict:
        return await judge(self.house, self.practice_id, at or now())

    async def known(self, job: str = "daily") -> JobState:
        return (await self.judged()).seen.jobs[job_subject(None, job)]

    async def reasons(self, at: datetime | None = None) -> set[str]:
        return {f"{one.rule}.{one.reason}" for one in (await self.judged(at)).incidents if one.lasts}


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with door(house.database.url) as opened:
        yield opened


@pytest.fixture
async def script(house: House, client: httpx.AsyncClient) -> Script:
    return await enrolled(house, client)


async def enrolled(house: House, client: httpx.AsyncClient) -> Script:
    enrolled = await enrol(house)
    deed = Deed("test", now())
    async with house.owner.acquire() as conn:
        job = await add_ping(conn, enrolled.practice, None, "daily", deed)
        key = await add_key(conn, enrolled.practice, Holder.SCRIPT, deed)
    return Script(house, client, enrolled, str(job), str(key))


def said(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["ping-body-limit"].isdecimal()
    return answer.status_code, answer.text


async def places(house: House, text: str) -> list[str]:
    """The tables with a row that says it, in any column."""
    tables = await rows(house, "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'vigie'")
    asked = {row["name"]: f'SELECT count(*) FROM "{row["name"]}" AS t WHERE t::text LIKE $1' for row in tables}  # noqa: S608
    return [name for name, question in asked.items() if await house.owner.fetchval(question, f"%{text}%")]


async def opt(script: Script, *, keep: bool) -> None:
    async with script.house.owner.acquire() as conn:
        await set_keep_logs(conn, script.enrolled.practice, Deed("test", now()), keep=keep)
