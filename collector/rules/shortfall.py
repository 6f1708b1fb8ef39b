"""Whether far less of the fleet is heard than is up: then the way to us is broken, and no practice is silent.

A load balancer, a name or a certificate of ours can fail while collectors go on listening to nobody. That shows as
a sudden fall at all practices at once. It is told in two steps, since the second one costs a look at each endpoint:
1. Fewer heartbeats arrive than a quarter of what the endpoints that are up owe.
2. On the average of practices, less than a quarter of these endpoints were heard. Each practice counts the same,
   whatever its key sends or claims: a few stolen ones can neither feign a shortfall nor end one.

Machines that are switched off at night do not look like it: a quarter must be left within one interval of most
of the fleet. Practices close one after another, those found silent owe nothing any more (their spans of liveness
end), and servers, network storage and imaging stations stay on. Only if more than three quarters of a fleet
went within one minute would it be taken for our own outage, for an hour at most (collector/store/listening.py).

While it lasts it is an incident of the provider: nobody else would be paged, and it may be the practices after all.
"""

from datetime import datetime, timedelta

from collector.model.arrivals import SHORTFALL_COUNTS, Arrivals, Heard, Owed
from collector.model.campaign import OWN_OUTAGE
from collector.model.finding import Evaluation, Finding, Severity
from collector.model.rule_settings import OwnOutage
from collector.model.subject import Subject

LEAST_PART = 0.25
# Of a smaller fleet three neighbours without power would look like our own outage; four tickets are no storm.
LEAST_PRACTICES = 4

NARROWEST = timedelta(seconds=15)
WIDEST = timedelta(seconds=300)

ARRIVALS = Subject("arrivals")


def window(owed: Owed) -> timedelta:
    """Over how long arrivals are counted: the shorter, the sooner we know. Within it half the fleet sends once."""
    return min(max(timedelta(seconds=_typical_interval_s(owed)), NARROWEST), WIDEST)


def looks_short(arrivals: Arrivals) -> bool:
    """Whether to look closer; false where nothing can be told."""
    owed = arrivals.owed
    if owed.practices < LEAST_PRACTICES or _typical_interval_s(owed) > WIDEST.total_seconds():
        return False
    return arrivals.per_second < owed.per_second * LEAST_PART


def is_short(heard: Heard) -> bool:
    """Whether the way to us is broken."""
    return heard.practices >= LEAST_PRACTICES and heard.part < LEAST_PART


def check(began_at: datetime | None, setting: OwnOutage, now: datetime) -> Evaluation:
    """A shortfall that lasts; once it excuses nobody's silence any more, practices that need us are hidden in it."""
    if began_at is None or not setting.enabled:
        return Evaluation()
    excused_until = began_at + SHORTFALL_COUNTS
    excused = now < excused_until
    found = Finding(
        rule=OWN_OUTAGE,
        subject=ARRIVALS,
        root=ARRIVALS,
        severity=setting.severity or (Severity.WARNING if excused else Severity.CRITICAL),
        reason="arrivals_short",
        since=began_at,
        facts={"began_at": began_at.isoformat(), "excused_until": excused_until.isoformat()},
    )
    return Evaluation(findings=(found,), next_due=excused_until if excused else None)


def _typical_interval_s(owed: Owed) -> int:
    """The interval of half the fleet, or a shorter one."""
    reached = 0.0
    for interval_s, share in sorted(owed.shares.items()):
        reached += share.practices
        if reached >= owed.practices / 2:
            return interval_s
    return 0
