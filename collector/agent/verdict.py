"""What an answer means for the spool. Pure."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from .fields import count, decode, mapping, mappings, text

_RETRY = (408, 429)


class Verdict(Enum):
    """What to do with a batch after its answer."""

    SETTLED = "settled"  # each heartbeat has its own result
    TOO_MUCH = "too_much"  # nothing was stored because of one of them: halve
    HOLD = "hold"  # not now
    CREDENTIALS = "credentials"  # not with this key
    ADDRESS = "address"  # that is not a collector


class Results(NamedTuple):
    """Ids that were stored, and those refused for good with the problem. All others stay; `passing` says
    that some were refused for now only."""

    accepted: frozenset[str]
    rejected: dict[str, dict[str, object]]
    passing: bool


def verdict(status: int) -> Verdict:
    if status in (202, 422):
        return Verdict.SETTLED
    if status in (400, 413):
        return Verdict.TOO_MUCH
    if status in (401, 403):
        return Verdict.CREDENTIALS
    return Verdict.HOLD if status == 0 or is_passing(status) else Verdict.ADDRESS


def is_passing(status: int) -> bool:
    """Whether the same request may be taken later."""
    return status in _RETRY or status >= 500


def results(body: bytes) -> Results:
    """Of a batch or of a single answer. Only what the server names as stored counts as stored."""
    answer = mapping(decode(body))
    rows = mappings(answer.get("results")) or [answer]
    accepted = frozenset(text(row, "id") for row in rows if text(row, "status") == "accepted")
    refused: dict[str, dict[str, object]] = {
        text(row, "id"): _problem(row) for row in rows if text(row, "status") == "rejected"
    }
    rejected = {one: problem for one, problem in refused.items() if not _passes(problem)}
    return Results(accepted, rejected, passing=len(rejected) < len(refused))


def _problem(row: dict[str, object]) -> dict[str, object]:
    return mapping(row.get("problem"))


def _passes(problem: dict[str, object]) -> bool:
    return is_passing(count(problem, "status") or 0)
