"""Silences joined to the store: made, approved and ended, each with its audit row and a wake of whom it concerns."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from collector.deeds import COMMAND_LINE, Hand
from collector.model.campaign import needs_two
from collector.model.rule_settings import RuleSettings
from collector.model.silence import Scope, Silence, same_person
from collector.store.audit import record_deed
from collector.store.connect import FLEET, Connection, set_scope
from collector.store.incident_pages import IncidentRow
from collector.store.silences import (
    approve_silence,
    end_silence,
    knows_endpoint,
    knows_practice,
    lasting_within,
    load_silence,
    lock_silence,
    put_silence,
)
from collector.store.wakes import wake_practices

RULE_NAMES = tuple(RuleSettings.model_fields)


class SilenceRefusal(StrEnum):
    """Why a silence is not made, approved or ended."""

    NO_PRACTICE = "no_practice"
    NO_ENDPOINT = "no_endpoint"
    NO_RULE = "no_rule"
    OVER = "over"
    NEVER_OPENS = "never_opens"
    ANOTHER = "another"
    SAME_PERSON = "same_person"
    NO_OPERATORS = "no_operators"


@dataclass(frozen=True)
class Covered:
    """What lasts within a silence's scope: what it holds while it runs, and what it cannot until somebody approves."""

    held: tuple[IncidentRow, ...]
    beyond: tuple[IncidentRow, ...]

    @property
    def practice_ids(self) -> frozenset[UUID]:
        return frozenset(one.practice_id for one in (*self.held, *self.beyond))


@dataclass(frozen=True)
class Weighed:
    """A silence, and what lasts within its scope now."""

    silence: Silence
    covered: Covered


Answer = Weighed | SilenceRefusal | None


async def preview(conn: Connection, silence: Silence, now: datetime) -> Weighed | SilenceRefusal:
    """What a silence would hold now, if it ran."""
    await set_scope(conn, FLEET)
    if refusal := await _impossible(conn, silence.scope) or _vain(silence, now):
        return refusal
    return await weighed(conn, silence)


async def begin(conn: Connection, silence: Silence, hand: Hand) -> Weighed | SilenceRefusal:
    """A silence of an id that is known already is the same request again, or refused."""
    async with conn.transaction():
        await set_scope(conn, FLEET)
        if refusal := await _impossible(conn, silence.scope):
            return refusal
        known = await load_silence(conn, silence.silence_id)
        if known is None and (refusal := _vain(silence, hand.at)):
            return refusal
        if known is None and await put_silence(conn, silence):
            return await _done(conn, silence, "silence", hand)
        known = known or await load_silence(conn, silence.silence_id)  # somebody was quicker
        return await weighed(conn, known) if known and _same(known, silence) else SilenceRefusal.ANOTHER


async def approve(conn: Connection, silence_id: UUID, hand: Hand) -> Answer:
    """By another operator than who asked. The first approval counts, and a second changes nothing."""
    async with conn.transaction():
        await set_scope(conn, FLEET)
        silence = await lock_silence(conn, silence_id)
        if silence is None:
            return None
        if silence.ended_at or silence.until <= hand.at:
            return SilenceRefusal.OVER
        if refusal := unfit(silence, hand.actor):
            return refusal
        if silence.approved_by:
            return await weighed(conn, silence)
        await approve_silence(conn, silence_id, hand.actor)
        return await _done(conn, silence.model_copy(update={"approved_by": hand.actor}), "approve silence", hand)


def unfit(silence: Silence, approver: str) -> SilenceRefusal | None:
    """Why somebody cannot approve a silence: two people are two operators, each with a token of their own."""
    if any(name.startswith(COMMAND_LINE) for name in (silence.by, approver)):
        return SilenceRefusal.NO_OPERATORS
    return SilenceRefusal.SAME_PERSON if same_person(silence.by, approver) else None


async def end(conn: Connection, silence_id: UUID, hand: Hand) -> Answer:
    """By anybody. What still burns is told then; one that has ended stays as it is."""
    async with conn.transaction():
        await set_scope(conn, FLEET)
        silence = await lock_silence(conn, silence_id)
        if silence is None:
            return None
        if silence.ended_at or silence.until <= hand.at:
            return await weighed(conn, silence)
        await end_silence(conn, silence_id, hand.at, hand.actor)
        ended = silence.model_copy(update={"ended_at": hand.at, "ended_by": hand.actor})
        return await _done(conn, ended, "end silence", hand)


async def _impossible(conn: Connection, scope: Scope) -> SilenceRefusal | None:
    """What a scope names must be known: a name that is mistyped would silence nothing, and say so to nobody."""
    if scope.rule is not None and scope.rule not in RULE_NAMES:
        return SilenceRefusal.NO_RULE
    if scope.practice_id is None:
        return None
    if not await knows_practice(conn, scope.practice_id):
        return SilenceRefusal.NO_PRACTICE
    if scope.endpoint_id and not await knows_endpoint(conn, scope.practice_id, scope.endpoint_id):
        return SilenceRefusal.NO_ENDPOINT
    return None


def _vain(silence: Silence, now: datetime) -> SilenceRefusal | None:
    """One that is over, or over before its window opens, would hold nothing, and say so to nobody."""
    if silence.until <= now:
        return SilenceRefusal.OVER
    return None if silence.holds_until(now) or silence.begins(now) else SilenceRefusal.NEVER_OPENS


async def _done(conn: Connection, silence: Silence, action: str, hand: Hand) -> Weighed:
    found = await weighed(conn, silence)
    detail = {"reason": silence.reason, "until": silence.until.isoformat(), "scope": silence.scope.model_dump_json()}
    await record_deed(
        conn, at=hand.at, actor=hand.actor, action=action, practice_id=silence.scope.practice_id,
        subject=f"silence:{silence.silence_id}", detail=detail,
    )  # fmt: skip
    await wake_practices(conn, found.covered.practice_ids, hand.at)
    return found


async def weighed(conn: Connection, silence: Silence) -> Weighed:
    """Whoever reads has set a scope."""
    return Weighed(silence, _sorted(await lasting_within(conn, silence.scope), approved=bool(silence.approved_by)))


def _sorted(within: Iterable[IncidentRow], *, approved: bool) -> Covered:
    held: list[IncidentRow] = []
    beyond: list[IncidentRow] = []
    for one in within:
        (beyond if needs_two(one.incident) and not approved else held).append(one)
    return Covered(tuple(held), tuple(beyond))


def _same(known: Silence, asked: Silence) -> bool:
    """Whether it was asked for with these words: a request that is sent again says "now" at another instant."""
    words = ("scope", "weekly", "reason", "by")
    times = known.until == asked.until or known.until - known.since == asked.until - asked.since
    return times and all(getattr(known, word) == getattr(asked, word) for word in words)
