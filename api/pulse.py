"""Whether what the store says can still be trusted: a monitor that stopped must not look green."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from collector.store.listening import TOLERATED
from collector.store.noc import Pulse

# A deadline is judged within two seconds; a minute late is no hiccup any more.
JUDGING_TOLERATED = timedelta(minutes=1)


class Lapse(StrEnum):
    """Why a page cannot vouch for what it shows."""

    COLLECTORS_AWAY = "collectors_away"
    ARRIVALS_SHORT = "arrivals_short"
    JUDGING_BEHIND = "judging_behind"


def lapse(pulse: Pulse, now: datetime) -> Lapse | None:
    """What is wrong with ourselves, the cause before its effects."""
    if pulse.heard_at is None or now - pulse.heard_at > TOLERATED:
        return Lapse.COLLECTORS_AWAY
    if pulse.shortfall is not None:
        return Lapse.ARRIVALS_SHORT
    if pulse.behind_since is not None and now - pulse.behind_since > JUDGING_TOLERATED:
        return Lapse.JUDGING_BEHIND
    return None


@dataclass(frozen=True)
class Outage:
    """While it lasts: how many heartbeats a minute arrive of those expected, where collectors listen."""

    since: datetime
    arrive: int | None = None
    expected: int | None = None


def outage(pulse: Pulse, now: datetime) -> Outage | None:
    """None while collectors listen and the way to them stands, and where none ever did."""
    short = pulse.shortfall
    if lapse(pulse, now) is Lapse.COLLECTORS_AWAY:
        began = [at for at in (pulse.heard_at, short.began_at if short else None) if at is not None]
        return Outage(min(began)) if began else None
    return Outage(short.began_at, round(short.arrived * 60), round(short.owed * 60)) if short else None
