"""kill -9 under load, a few rounds of it (`make kill-rounds` goes on for longer): nothing acknowledged is lost."""

from collections.abc import Iterator

import pytest

from collector.store.connect import connect
from deploy.local import Services, local_services
from tests.bench.kill_check import check
from tests.bench.kill_rounds import Outcome, Victim, run_rounds

ROUNDS = 6
SEED = 11


@pytest.fixture(scope="module")
def mortal() -> Iterator[Services]:
    """Servers of its own, to be killed."""
    with local_services(say=lambda _: None) as started:
        yield started


@pytest.fixture(scope="module")
async def outcome(mortal: Services, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return await run_rounds(mortal, tmp_path_factory.mktemp("kill-rounds"), ROUNDS, SEED, print)


async def test_whatever_is_killed_what_was_acknowledged_is_stored_once_and_whole(outcome: Outcome) -> None:
    assert set(outcome.killed) == set(Victim)
    assert outcome.account.acknowledged
    assert outcome.account.pinged
    assert outcome.wrong == []


_LOSE = {
    "accepted": "DELETE FROM accepted WHERE id = $1",
    "heartbeat": "DELETE FROM heartbeat WHERE id = $1",
    "section": "DELETE FROM section WHERE heartbeat_id = $1 AND kind = 'backups'",
    "folded": "DELETE FROM folded WHERE heartbeat_id = $1",
}
_DOUBLE = {
    "heartbeat": """
        INSERT INTO heartbeat SELECT practice_id, endpoint_id, received_at + interval '1 s', id, seq, sent_at,
            sent_offset_s, interval_s, queued, skew_s FROM heartbeat WHERE id = $1
    """,
    "folded": """
        INSERT INTO folded SELECT practice_id, -1, folded_at, received_at, heartbeat_id FROM folded
        WHERE heartbeat_id = $1
    """,
}


@pytest.mark.parametrize("what", _LOSE)
async def test_what_is_lost_would_be_seen(mortal: Services, outcome: Outcome, what: str) -> None:
    """The rounds above find nothing; this shows that they could."""
    key = sorted(outcome.account.acknowledged)[list(_LOSE).index(what)]
    await _execute(mortal, _LOSE[what], key)
    assert key in (await check(mortal.database_url, outcome.account, [key])).lost


@pytest.mark.parametrize("what", _DOUBLE)
async def test_what_is_doubled_would_be_seen(mortal: Services, outcome: Outcome, what: str) -> None:
    key = sorted(outcome.account.acknowledged)[-1 - list(_DOUBLE).index(what)]
    await _execute(mortal, _DOUBLE[what], key)
    assert key in (await check(mortal.database_url, outcome.account, [key])).doubled


async def test_a_lost_ping_would_be_seen(mortal: Services, outcome: Outcome) -> None:
    key = next(iter(outcome.account.pinged))
    await _execute(mortal, "DELETE FROM section WHERE kind = 'ping' AND body->0->>'run_id' = $1", str(key))
    assert key in (await check(mortal.database_url, outcome.account, [key])).lost


async def _execute(services: Services, statement: str, argument: object) -> None:
    conn = await connect(services.database_url)
    try:
        await conn.execute(statement, argument)
    finally:
        await conn.close()
