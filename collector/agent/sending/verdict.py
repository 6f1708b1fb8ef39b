"""What an answer means for the spool. Pure."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from ..ground.fields import decode, mapping, mappings, text


class Verdict(Enum):
    """What to do with a batch after its answer."""

    SETTLED = "settled"  # each heartbeat has its own result
    TOO_MUCH = "too_much"  # nothing was stored because of one of them: halve
    HOLD = "hold"  # not now
    CREDENTIALS = "credentials"  # not with this key
    ADDRESS = "address"  # that is not a collector


class Results(NamedTuple):
    """Ids that were stored, and those refused for good with the problem. All others stay."""

    accepted: set[str]
    rejected: dict[str, dict[str, object]]


def verdict(status: int) -> Verdict:
    if status in (202, 422):
        return Verdict.SETTLED
    if status in (400, 413):
        return Verdict.TOO_MUCH
    if status in (401, 403):
        return Verdict.CREDENTIALS
    return Verdict.HOLD if status in (0, 408, 429) or status >= 500 else Verdict.ADDRESS


def results(body: bytes) -> Results:
    """Only what the server names as stored counts as stored."""
    rows = mappings(mapping(decode(body)).get("results"))
    accepted = {text(row, "id") for row in rows if text(row, "status") == "accepted"}
    rejected = {text(row, "id"): mapping(row.get("problem")) for row in rows if text(row, "status") == "rejected"}
    return Results(accepted, rejected)
