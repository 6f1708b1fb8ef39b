"""The form of a new silence: what people write, and the silence or the mistakes that it makes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Annotated
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from fastapi import Form
from pydantic import ValidationError

from api.silence_contract import DAYS
from collector.model.duration import parse_duration
from collector.model.incident import Incident
from collector.model.silence import LONGEST, Scope, Silence, Weekly
from collector.silences import RULE_NAMES
from collector.store.connect import Connection
from collector.store.practices import Practice, endpoints_named, find_practice

LENGTHS = ("1h", "4h", "24h", "72h", "7d", "30d", "90d")
_USUAL = "4h"
_WINDOW_H = "4"

_Line = Annotated[str, Form(max_length=200, pattern=r"^[^\x00-\x1f]*$")]


@dataclass(frozen=True)
class Draft:
    """As it stands in the fields; `silence_id` is the form's own, so that sent twice it makes one silence."""

    silence_id: UUID = field(default_factory=uuid4)
    practice: str = ""
    endpoint: str = ""
    rule: str = ""
    labels: str = ""
    reason: str = ""
    starts: str = ""
    lasts: str = _USUAL
    days: frozenset[str] = frozenset()
    opens: str = ""
    hours: str = _WINDOW_H


def drafted(
    silence_id: Annotated[UUID, Form()],
    practice: _Line = "",
    endpoint: _Line = "",
    rule: _Line = "",
    labels: _Line = "",
    reason: _Line = "",
    starts: _Line = "",
    lasts: _Line = _USUAL,
    days: Annotated[list[str] | None, Form(max_length=7)] = None,
    opens: _Line = "",
    hours: _Line = _WINDOW_H,
) -> Draft:
    return Draft(
        silence_id,
        practice.strip(),
        endpoint.strip(),
        rule.strip(),
        labels.strip(),
        reason.strip(),
        starts.strip(),
        lasts.strip(),
        frozenset(days or ()),
        opens.strip(),
        hours.strip(),
    )


def draft_about(incident: Incident, practice: str | None) -> Draft:
    """What a silence of this incident would name; without a practice it is the provider's own."""
    endpoint = incident.facts.get("endpoint", "") if practice else ""
    return Draft(practice=practice or "", endpoint=endpoint, rule=incident.rule)


class MistakenError(Exception):
    """By field, the name of the sentence that says what is wrong there."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(", ".join(faults))
        self.faults = faults


async def composed(conn: Connection, draft: Draft, by: str, zone: str, now: datetime) -> Silence:
    """Raises MistakenError. Times are read on the provider's clock (`zone`)."""
    faults: dict[str, str] = {}
    practice = await find_practice(conn, draft.practice) if draft.practice else None
    if draft.practice and practice is None:
        faults["practice"] = "unknown"
    endpoint_id = await _endpoint(conn, practice, draft.endpoint, faults)
    labels = _labels(draft.labels, faults)
    if not (draft.practice or labels or draft.rule or draft.labels):
        faults["scope"] = "nothing"
    if draft.rule and draft.rule not in RULE_NAMES:
        faults["rule"] = "unknown"
    if not draft.reason:
        faults["reason"] = "missing"
    since = _since(draft.starts, zone, now, faults)
    weekly = _weekly(draft, zone, faults)
    length = parse_duration(draft.lasts if draft.lasts in LENGTHS else _USUAL)
    if since + length <= now:
        faults["starts"] = "over"
    if faults:
        raise MistakenError(faults)
    scope = Scope(
        practice_id=practice.practice_id if practice else None, labels=labels, rule=draft.rule or None,
        endpoint_id=endpoint_id,
    )  # fmt: skip
    return Silence(
        silence_id=draft.silence_id, scope=scope, since=since, until=since + length, weekly=weekly,
        reason=draft.reason, by=by,
    )  # fmt: skip


async def _endpoint(conn: Connection, practice: Practice | None, wanted: str, faults: dict[str, str]) -> UUID | None:
    if not wanted:
        return None
    if practice is None:
        faults.setdefault("endpoint", "homeless")
        return None
    found = await endpoints_named(conn, practice.practice_id, wanted)
    if len(found) != 1:
        faults["endpoint"] = "several" if found else "unknown"
        return None
    return found[0]


def _labels(written: str, faults: dict[str, str]) -> dict[str, str]:
    """As in `city=Pessac, contract=gold`."""
    pairs = [part.partition("=") for part in written.split(",") if part.strip()]
    labels = {name.strip(): value.strip() for name, _, value in pairs}
    if len(labels) < len(pairs) or not all(name and value for name, value in labels.items()):
        faults["labels"] = "unreadable"
        return {}
    return labels


def _since(written: str, zone: str, now: datetime, faults: dict[str, str]) -> datetime:
    if not written:
        return now
    try:
        since = datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone)).astimezone(now.tzinfo)
    except (ValueError, OverflowError):
        faults["starts"] = "unreadable"
        return now
    if since - now > LONGEST:  # a year that was mistyped
        faults["starts"] = "far"
        return now
    return since


def _weekly(draft: Draft, zone: str, faults: dict[str, str]) -> Weekly | None:
    """A window of every week, if days are chosen."""
    if not draft.days:
        return None
    try:
        return Weekly(
            zone=zone,
            days=frozenset(DAYS.index(day) for day in DAYS if day in draft.days),
            opens=time.fromisoformat(draft.opens).replace(tzinfo=None),
            lasts=timedelta(hours=float(draft.hours)),
        )
    except (ValueError, OverflowError, ValidationError):
        faults["window"] = "unreadable"
        return None
