"""Keys at the door: warm without a query, ended within a second, and guessed in vain."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from collector.administer import Deed, retire_whole_practice, rotate_key
from collector.intake import hearing as hearing_
from collector.intake import keys as keys_
from collector.intake import strangers
from collector.intake.hearing import BEHIND_S, NAME
from collector.intake.keys import TooManyGuessesError
from collector.model.credential import Credential, Holder
from collector.store.connect import Line, Role, StoreAwayError, connect_as
from collector.store.practice_keys import PracticeKey, add_practice_key, find_practice_key
from tests.factories import DAY, HOUR, NOW
from tests.integration.house import House, enrol, rows, until
from tests.integration.keyrings import ADDRESS, NOWHERE, collector, hears, revoke
from tests.integration.test_intake import URL, beat, door, now


@dataclass
class Asked:
    """Which key ids the database was asked for; `meanwhile` happens before an answer arrives."""

    key_ids: list[str] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[object]] | None = None


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    seen = Asked()

    async def counted(conn: Line, key_id: str) -> PracticeKey | None:
        seen.key_ids.append(key_id)
        found = await find_practice_key(conn, key_id)
        if seen.meanwhile is not None:
            meanwhile, seen.meanwhile = seen.meanwhile, None
            await meanwhile()
        return found

    monkeypatch.setattr(keys_, "find_practice_key", counted)
    return seen


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered stays good for an hour: only being told, or starting to listen, makes it forgotten."""
    monkeypatch.setattr(hearing_, "BEHIND_S", 3_600.0)


async def lines_of(house: House) -> list[int]:
    """The backends on which a collector listens."""
    listening = "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND query ILIKE 'listen%'"
    return [row["pid"] for row in await rows(house, listening + " AND datname = current_database()", NAME)]


async def test_a_warm_key_costs_no_query_for_as_long_as_it_is_listened(house: House, asked: Asked) -> None:
    key = (await enrol(house)).key
    async with collector(house) as one:
        first = time.monotonic()
        assert await one.admits(key)

        async def still_vouched_for() -> bool:
            return time.monotonic() - first > 2 * BEHIND_S and one.hearing.vouches_for(first)

        await until(still_vouched_for)
        assert await one.admits(key)
    assert asked.key_ids == [key.key_id]


async def test_a_key_that_nobody_knows_costs_one_query(house: House, asked: Asked, patient: None) -> None:
    nobody = Credential.mint(Holder.PRACTICE)
    async with collector(house) as one:
        for _ in range(5):
            assert await one.refuses(nobody)
        assert asked.key_ids == [nobody.key_id]
        practice_id = (await enrol(house)).practice.practice_id
        async with house.owner.acquire() as conn:
            await add_practice_key(conn, practice_id, nobody, at=NOW, actor="test")
        await until(lambda: one.admits(nobody))


async def test_every_collector_hears_of_a_revocation(house: House, patient: None) -> None:
    key = (await enrol(house)).key
    async with collector(house) as one, collector(house) as other:
        assert await one.admits(key)
        assert await other.admits(key)
        await revoke(house, key)
        await until(lambda: one.refuses(key))
        await until(lambda: other.refuses(key))


async def test_a_key_revoked_is_refused_at_every_door(house: House, patient: None) -> None:
    key = (await enrol(house)).key
    headers = {"authorization": f"bearer {key}"}
    async with door(house.database.url) as one, door(house.database.url) as other:
        for client in (one, other):
            assert (await client.post(URL, json=beat(), headers=headers)).status_code == 202
        await revoke(house, key)

        async def refused_everywhere() -> bool:
            answers = [await client.post(URL, json=beat(), headers=headers) for client in (one, other)]
            return {answer.status_code for answer in answers} == {401}

        await until(refused_everywhere)


async def test_a_retired_practices_keys_are_forgotten(house: House, patient: None) -> None:
    enrolled = await enrol(house)
    async with collector(house) as one:
        assert await one.admits(enrolled.key)
        async with house.owner.acquire() as conn:
            await retire_whole_practice(conn, enrolled.practice, "left us", Deed("ada", now()))
        await until(lambda: one.refuses(enrolled.key))


async def test_where_nothing_is_heard_a_key_is_asked_for_after_a_second(house: House, asked: Asked) -> None:
    key = (await enrol(house)).key
    async with collector(house, line=NOWHERE) as one:
        assert await one.admits(key)
        await revoke(house, key)
        await until(lambda: one.refuses(key))
    assert asked.key_ids == [key.key_id] * 2


async def test_where_nothing_is_heard_a_key_is_warm_meanwhile(house: House, asked: Asked, patient: None) -> None:
    key = (await enrol(house)).key
    async with collector(house, line=NOWHERE) as one:
        for _ in range(5):
            assert await one.admits(key)
    assert asked.key_ids == [key.key_id]


@pytest.fixture
def may_connect(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """While it is clear, no line is opened."""
    allowed = asyncio.Event()
    allowed.set()

    async def when_allowed(url: str, role: Role, name: str) -> Line:
        await allowed.wait()
        return await connect_as(url, role, name)

    monkeypatch.setattr(hearing_, "connect_as", when_allowed)
    monkeypatch.setattr(hearing_, "DEAF_AFTER_S", 0.5)
    return allowed


async def cut(house: House) -> None:
    """The line on which a collector listens is gone, and the one on which it speaks is not."""
    (pid,) = await lines_of(house)
    assert await house.owner.fetchval("SELECT pg_terminate_backend($1)", pid)

    async def gone() -> bool:
        return not await lines_of(house)

    await until(gone)


async def test_what_was_told_while_the_line_was_cut_is_not_missed(
    house: House, patient: None, may_connect: asyncio.Event
) -> None:
    key = (await enrol(house)).key
    async with collector(house) as one:
        assert await one.admits(key)
        may_connect.clear()
        await cut(house)
        await revoke(house, key)
        assert await one.admits(key)
        may_connect.set()
        await until(lambda: one.refuses(key))


async def test_a_key_that_was_warm_while_it_was_listened_is_asked_for_when_the_line_is_cut(
    house: House, asked: Asked, may_connect: asyncio.Event
) -> None:
    key = (await enrol(house)).key
    async with collector(house) as one:
        assert await one.admits(key)
        await hears(one)
        may_connect.clear()
        await cut(house)
        await revoke(house, key)
        await until(lambda: one.refuses(key))
    assert asked.key_ids == [key.key_id] * 2


async def test_a_line_that_carries_no_notices_vouches_for_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a pooler: LISTEN is taken, the word goes out, and nothing ever comes back."""
    tried: list[object] = []

    async def in_vain(*line: object) -> None:
        tried.append(line)

    with monkeypatch.context() as poor:
        poor.setattr(hearing_, "listen", in_vain)
        poor.setattr(hearing_, "DEAF_AFTER_S", 0.05)
        poor.setattr(hearing_, "AGAIN_AFTER_S", 0.01)
        async with collector(house, line=house.database.url) as one:

            async def tried_again() -> bool:
                return len(tried) > 2

            await until(tried_again)
            assert one.hearing.vouches_for(time.monotonic())
            assert not one.hearing.vouches_for(time.monotonic() - BEHIND_S)
            poor.undo()
            await hears(one)
            assert one.hearing.vouches_for(one.hearing.heard_until - HOUR.total_seconds())


async def test_collectors_ignore_each_others_words(house: House) -> None:
    told: list[str | None] = []
    async with collector(house) as one:
        one.hearing.on_forget(told.append)
        async with collector(house) as other:
            await hears(other)
            await hears(one)
        await enrol(house)
        await until(lambda: _is(bool(told)))
    assert all(payload is not None and payload.startswith("key:") for payload in told)


async def _is(seen: bool) -> bool:
    return seen


async def test_a_look_up_that_a_revocation_overtook_admits_nobody(house: House, asked: Asked, patient: None) -> None:
    key = (await enrol(house)).key
    async with collector(house) as one:
        told = asyncio.Event()
        one.hearing.on_forget(lambda _: told.set())

        async def revoked() -> None:
            await revoke(house, key)
            await told.wait()

        asked.meanwhile = revoked
        assert await one.refuses(key)
        assert await one.refuses(key)
    assert asked.key_ids == [key.key_id] * 2


async def test_a_warm_key_expires_all_the_same(
    house: House, asked: Asked, patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled = await enrol(house)
    async with house.owner.acquire() as conn:
        await rotate_key(conn, enrolled.practice, Holder.PRACTICE, DAY, Deed("ada", now()))
    async with collector(house) as one:
        assert await one.admits(enrolled.key)

        class Tomorrow:
            @staticmethod
            def now(_: object) -> datetime:
                return now() + DAY

        monkeypatch.setattr(keys_, "datetime", Tomorrow)
        assert not await one.admits(enrolled.key)
    assert asked.key_ids == [enrolled.key.key_id]


async def test_without_the_database_nobody_new_is_judged(house: House) -> None:
    async with collector(house, line=NOWHERE, keys_from=NOWHERE) as one:
        with pytest.raises(StoreAwayError):
            await one.admits(Credential.mint(Holder.PRACTICE))


async def test_who_keeps_guessing_waits_and_a_warm_key_beside_him_does_not(
    house: House, patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "EVERY_S", 3_600.0)
    warm, cold = (await enrol(house, "A")).key, (await enrol(house, "B")).key
    async with collector(house) as one:
        assert await one.admits(warm)
        for _ in range(strangers.FAILURES):
            assert await one.refuses(Credential.mint(Holder.PRACTICE))
        for guess in (Credential.mint(Holder.PRACTICE), Credential(Holder.PRACTICE, warm.key_id, "0" * 64), cold):
            with pytest.raises(TooManyGuessesError) as told:
                await one.admits(guess)
            assert 0 < told.value.retry_after_s <= 3_600
        assert await one.admits(warm)
        assert await one.admits(cold, "192.0.2.2")
        assert await one.admits(cold)


async def test_guessing_is_answered_with_429_at_the_door(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "EVERY_S", 3_600.0)
    async with door(house.database.url) as client:
        for _ in range(strangers.FAILURES):
            answer = await client.post(URL, json=beat(), headers={"authorization": "Bearer guess"})
            assert answer.status_code == 401
        answer = await client.post(URL, json=beat(), headers={"authorization": "Bearer guess"})
    assert (answer.status_code, answer.json()["type"]) == (429, "urn:vigie:too_many_guesses")
    assert 0 < int(answer.headers["retry-after"]) <= 3_600


@pytest.mark.parametrize("holder", [Holder.SCRIPT, Holder.JOB])
async def test_a_key_for_pings_sends_no_heartbeats(house: House, holder: Holder) -> None:
    practice_id = (await enrol(house)).practice.practice_id
    key = Credential.mint(holder)
    async with house.owner.acquire() as conn:
        job = "daily" if holder is Holder.JOB else None
        await add_practice_key(conn, practice_id, key, at=NOW, actor="test", job=job)
    async with door(house.database.url) as client:
        answer = await client.post(URL, json=beat(), headers={"authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:vigie:unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_key_says_what_it_opens(house: House) -> None:
    enrolled = await enrol(house)
    key, endpoint_id = Credential.mint(Holder.JOB), enrolled.practice.practice_id
    async with house.owner.acquire() as conn:
        await add_practice_key(
            conn, enrolled.practice.practice_id, key, at=NOW, actor="test", job="daily", endpoint_id=endpoint_id
        )
        await conn.execute("UPDATE practice SET keep_logs = true")
        await conn.execute("UPDATE practice_key SET mail = '[]' WHERE holder = 'job'")
    async with collector(house) as one:
        found = await one.keyring.admit(str(key), ADDRESS)
    assert (found.practice_id, found.holder, found.job) == (enrolled.practice.practice_id, Holder.JOB, "daily")
    assert (found.endpoint_id, found.keep_logs, found.mail) == (endpoint_id, True, "[]")


async def test_a_key_of_another_kind_with_the_same_secret_opens_nothing(house: House) -> None:
    key = (await enrol(house)).key
    async with collector(house) as one:
        assert await one.refuses(Credential(Holder.SCRIPT, key.key_id, key.secret))
