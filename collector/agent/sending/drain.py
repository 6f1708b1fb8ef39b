"""Emptying the spool into the collector, oldest first."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..ground.contract import LARGEST_COUNT
from ..ground.fields import decode, mapping
from ..ground.log import say
from .batch import Batch, next_batch
from .spool import Spool
from .transport import Answer
from .verdict import Verdict, results, verdict

_SAID = {
    Verdict.HOLD: "held in spool",
    Verdict.CREDENTIALS: "the collector refuses the key; held in spool",
    Verdict.ADDRESS: "the server is no collector; held in spool",
}


class Drained(NamedTuple):
    """Why it ended: SETTLED is an empty spool. `retry_after_s` is what the server asked for."""

    end: Verdict
    retry_after_s: float | None = None


def drain(spool: Spool, post: Callable[[bytes], Answer]) -> Drained:
    """1. take the oldest, 2. send them, 3. settle each by its own result; until empty or told to wait.

    A batch that is refused as a whole is halved until the one that spoils it stands alone; that one is
    rejected, and batches grow again.
    """
    limit, sent = LARGEST_COUNT, 0
    while batch := next_batch(spool, limit):
        answer = post(batch.body)
        before = len(spool.waiting())
        end = _settle(spool, batch, answer)
        if end in _SAID:
            say(_SAID[end], waiting=before, sent=sent, status=answer.status, why=answer.why)
            return Drained(end, answer.retry_after_s)
        sent += before - len(spool.waiting())
        limit = max(1, len(batch.names) // 2) if end is Verdict.TOO_MUCH else min(LARGEST_COUNT, limit * 2)
    say("spool empty", sent=sent)
    return Drained(Verdict.SETTLED)


def _settle(spool: Spool, batch: Batch, answer: Answer) -> Verdict:
    """What became of the batch."""
    end = verdict(answer.status)
    if end is Verdict.SETTLED:
        end = _settle_each(spool, batch, answer)
    if end is Verdict.TOO_MUCH and len(batch.names) == 1:
        (name,) = batch.names.values()
        spool.reject(name, mapping(decode(answer.body)) or {"title": answer.why, "status": answer.status})
        return Verdict.SETTLED
    return end


def _settle_each(spool: Spool, batch: Batch, answer: Answer) -> Verdict:
    """By each one's own result. An answer that settles none is held, so that no loop turns on the spot,
    unless it refused all of them without a word of which."""
    accepted, rejected = results(answer.body)
    for one, name in batch.names.items():
        if one in accepted:
            spool.remove(name)
        elif one in rejected:
            spool.reject(name, rejected[one])
    if batch.names.keys() & (accepted | rejected.keys()):
        return Verdict.SETTLED
    return Verdict.TOO_MUCH if answer.status == 422 else Verdict.HOLD
