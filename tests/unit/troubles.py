"""Troubles of practices as signals, and what is made of them together."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from collector.model.campaign import Campaign, Fleet, Signal
from collector.model.finding import Evaluation
from collector.model.rule_settings import Campaign as Setting
from collector.rules.correlate import correlate
from tests.factories import DAY, NOW

RANSOM = "alert:ransomware:lockbit"
WINDOW = timedelta(hours=12)
LONG_AGO = NOW - 400 * DAY
TICK = timedelta(microseconds=1)


def signal(
    practice: int,
    at: datetime = NOW,
    signature: str = RANSOM,
    *,
    found_at: datetime | None = None,
    lasts: bool = True,
    watched_since: datetime = LONG_AGO,
) -> Signal:
    found_at = found_at or at
    return Signal(UUID(int=practice), f"Cabinet {practice}", signature, at, found_at, lasts, watched_since)


def at_each(*instants: datetime, signature: str = RANSOM) -> list[Signal]:
    return [signal(n, at, signature) for n, at in enumerate(instants, 1)]


def correlated(
    signals: Iterable[Signal],
    now: datetime = NOW,
    *,
    fleet: Fleet | None = None,
    lasting: Iterable[Campaign] = (),
    **setting: object,
) -> Evaluation:
    return correlate(signals, fleet or Fleet(practices=200), Setting.model_validate(setting), lasting, now)


def counts(evaluation: Evaluation) -> list[str]:
    return [one.facts["count"] for one in evaluation.findings]


def lasting(began_at: datetime = NOW, opened_at: datetime = NOW, **more: object) -> Campaign:
    told = {"one_ticket": True, "pages": True}
    fields = {"incident_id": UUID(int=99), "subject": "campaign:ransomware", "since": NOW, **told}
    return Campaign.model_validate({**fields, "began_at": began_at, "opened_at": opened_at, **more})
