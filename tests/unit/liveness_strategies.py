"""What the rules of time and liveness read: settings, calendars, and who told of a run."""

from datetime import date, timedelta

from hypothesis import strategies as st

from collector.model.calendar import Calendar, Closure, Holidays
from collector.model.report import Source
from collector.model.rule_settings import HeartbeatMissing, OwnOutage, PracticeSilent, RpoBreached

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

queued = st.sampled_from([0, 0, 3])
sources = st.sampled_from(Source)
rpos = st.sampled_from([None, HOUR, 26 * HOUR])
calendars = st.builds(
    Calendar,
    holidays=st.sampled_from(Holidays),
    closures=st.sampled_from([(), (Closure(first=date(2026, 11, 19), last=date(2026, 11, 30)),)]),
)


def heartbeat_missing() -> st.SearchStrategy[HeartbeatMissing]:
    return st.builds(HeartbeatMissing, workstation_open_time=st.sampled_from([timedelta(0), HOUR, 16 * HOUR]))


def practice_silent() -> st.SearchStrategy[PracticeSilent]:
    return st.builds(PracticeSilent, enabled=st.booleans(), least_endpoints=st.integers(1, 3))


def rpo_breached() -> st.SearchStrategy[RpoBreached]:
    return st.builds(RpoBreached, rpo=rpos, open_time=st.booleans())


def own_outage() -> st.SearchStrategy[OwnOutage]:
    return st.builds(OwnOutage, enabled=st.booleans(), catching_up=st.sampled_from([timedelta(0), HOUR / 4, DAY]))
