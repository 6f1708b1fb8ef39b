"""History played again through the judge: with the policies that were in force, and with other rules.

Signs of life come from their spans: how many heartbeats were lost is not played again, and neither is what practices
have in common. Reads only, and holds one practice at a time.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from collector.configuration.compile import with_rules
from collector.configuration.rules import Rulebook
from collector.evaluate import GAPS_REMEMBERED
from collector.judge import learn
from collector.model.incident import Incident
from collector.model.policy import Policy
from collector.model.report import Report
from collector.model.snapshot import Gap, Snapshot
from collector.rules.registry import RULES
from collector.scenario.differences import Moved, differences
from collector.scenario.life import Life, Lives, Span
from collector.scenario.player import Player
from collector.store.connect import Connection
from collector.store.listening import gaps_since
from collector.store.practices import Practice
from collector.store.replay import live_spans, policies_between, raised_between
from collector.store.reports import load_reports
from collector.store.snapshots import folded_after, history_until

# Reports are read a few at a time: what they hold together may be large.
READ_AT_ONCE = 500
NOT_REPLAYED = frozenset({"heartbeats_lost"})
REPLAYED = tuple(rule.name for rule in RULES if rule.name not in NOT_REPLAYED)


@dataclass(frozen=True)
class Replay:
    """What one practice's history would have raised: by what was in force, by the new rules, and what was raised."""

    practice: Practice
    since: datetime
    in_force: tuple[Incident, ...]
    tried: tuple[Incident, ...]
    live: tuple[Incident, ...]
    names: dict[UUID, str]

    def moved(self) -> list[Moved]:
        return differences(self.in_force, self.tried)


@dataclass(frozen=True)
class _Turn:
    """Something happens that is no report: an endpoint is there, or a policy comes into force."""

    at: datetime
    policy: Policy | None = None


async def replay(
    conn: Connection, practice: Practice, book: Rulebook, since: datetime, until: datetime
) -> Replay | None:
    """None for a practice that was not watched yet.

    1. Rebuild what was known at the beginning.
    2. Give two players what came after, in the order in which it was folded, at the instant at which it came.
    3. Set what they raise beside each other, and beside what was raised.
    """
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        policies = await policies_between(conn, practice.practice_id, since, until)
        if not policies:
            return None
        since = max(since, policies[0][0])
        snapshot = learn(*await history_until(conn, practice.practice_id, since))
        lives = await _lives(conn, practice.practice_id, since, until)
        gaps = await gaps_since(conn, since - GAPS_REMEMBERED, until)
        players = _players(policies[0][1], book, snapshot, lives, gaps, since)
        turns = _turns(policies[1:], lives, since)
        async for at, report in _came(conn, snapshot, since, until):
            _hear_until(players, book, turns, at)
            for player in players:
                player.hear(at, (report,))
        _hear_until(players, book, turns, until)
        for player in players:
            player.play_until(until)
        live = await raised_between(conn, practice.practice_id, since, until)
    in_force, tried = (_replayed(player.incidents.values()) for player in players)
    names = {one.endpoint_id: one.name for one in players[0].snapshot.endpoints.values()}
    return Replay(practice, since, in_force, tried, _replayed(live), names)


def _players(
    policy: Policy, book: Rulebook, snapshot: Snapshot, lives: Lives, gaps: Sequence[Gap], since: datetime
) -> tuple[Player, Player]:
    return (
        Player(policy, lives, gaps, since, snapshot),
        Player(with_rules(policy, book), lives, gaps, since, snapshot),
    )


def _hear_until(players: tuple[Player, Player], book: Rulebook, turns: list[_Turn], at: datetime) -> None:
    """All turns until an instant, at it too; they are taken from the end of the list."""
    in_force, tried = players
    while turns and turns[-1].at <= at:
        turn = turns.pop()
        in_force.hear(turn.at, policy=turn.policy)
        tried.hear(turn.at, policy=with_rules(turn.policy, book) if turn.policy else None)


def _turns(policies: Sequence[tuple[datetime, Policy]], lives: Lives, since: datetime) -> list[_Turn]:
    """The last one first."""
    turns = [_Turn(at, policy) for at, policy in policies]
    turns += [_Turn(at) for life in lives.values() for at in life.turns() if at > since]
    return sorted(turns, key=lambda one: one.at, reverse=True)


async def _lives(conn: Connection, practice_id: UUID, since: datetime, until: datetime) -> Lives:
    spans: dict[UUID, list[Span]] = {}
    for one in await live_spans(conn, practice_id, since, until):
        spans.setdefault(one.endpoint_id, []).append(Span(one.up_from, one.up_to, one.interval_s, skew_s=None))
    return {key: Life(some) for key, some in spans.items()}


async def _came(
    conn: Connection, snapshot: Snapshot, since: datetime, until: datetime
) -> AsyncIterator[tuple[datetime, Report]]:
    """Each report with the instant at which a worker that never slept would have folded it."""
    practice_id, at = snapshot.practice_id, since
    folded = await folded_after(conn, practice_id, snapshot.fold_no, until)
    for some in _chunks(folded):
        found = await load_reports(conn, [(practice_id, received_at, one) for received_at, one in some])
        for report in found.get(practice_id, ()):
            at = max(at, report.received_at)
            yield at, report


def _chunks(folded: Sequence[tuple[datetime, UUID]]) -> Iterator[Sequence[tuple[datetime, UUID]]]:
    return (folded[start : start + READ_AT_ONCE] for start in range(0, len(folded), READ_AT_ONCE))


def _replayed(incidents: Iterable[Incident]) -> tuple[Incident, ...]:
    kept = (one for one in incidents if one.rule in REPLAYED)
    return tuple(sorted(kept, key=lambda one: (one.opened_at, one.rule, one.subject)))
