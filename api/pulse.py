"""Whether what the store says can still be trusted: a monitor that stopped must not look green."""

from datetime import datetime, timedelta
from enum import StrEnum

from collector.store.listening import TOLERATED
from collector.store.noc import Pulse

# A deadline is judged within two seconds; a minute late is no hiccup any more.
JUDGING_TOLERATED = timedelta(minutes=1)


class Lapse(StrEnum):
    """Why a page cannot vouch for what it shows."""

    COLLECTORS_AWAY = "collectors_away"
    JUDGING_BEHIND = "judging_behind"


def lapse(pulse: Pulse, now: datetime) -> Lapse | None:
    """What is wrong with ourselves, the cause before its effects."""
    if pulse.heard_at is None or now - pulse.heard_at > TOLERATED:
        return Lapse.COLLECTORS_AWAY
    if pulse.behind_since is not None and now - pulse.behind_since > JUDGING_TOLERATED:
        return Lapse.JUDGING_BEHIND
    return None
