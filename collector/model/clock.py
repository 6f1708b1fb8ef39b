"""How far an endpoint's clock is off: settled once, when a heartbeat arrives."""

from datetime import datetime, timedelta

# A clock further off than this is not explained by a slow send. Source: Kerberos refuses
# more than 5 minutes (RFC 4120, section 8.2), so a working Windows domain stays within it.
SKEW_TOLERATED = timedelta(minutes=5)


def clock_skew(received_at: datetime, *, sent_at: datetime, queued: int, clock_at: datetime | None) -> timedelta:
    """How far the endpoint's clock lags ours; zero within what is tolerated.

    `clock_at` is its clock at the moment of sending, where it told (the `Date` header). Without it a
    heartbeat that others wait behind may have waited itself, and its delay says nothing about the clock.
    """
    lag = received_at - (clock_at or sent_at)
    waited = clock_at is None and queued > 0 and lag > timedelta(0)
    return timedelta(0) if waited or abs(lag) <= SKEW_TOLERATED else lag
