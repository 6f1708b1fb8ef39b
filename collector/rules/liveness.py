"""When an endpoint counts as silent, by its signs of life alone: shared by the rules that ask for it.

Whether its silence is wrong is another question (collector/rules/heartbeat_missing.py): a workstation may be off.
"""

from datetime import datetime, timedelta

from collector.model.snapshot import EndpointState, Gap, extended

# A heartbeat may be lost or late once. Never under 30 s: intake commits a late one, and wakes the
# worker for it, only when it is a quarter of an interval late (collector/intake/changes.py).
LEAST_GRACE = timedelta(seconds=30)


def interval(endpoint: EndpointState) -> timedelta:
    return timedelta(seconds=endpoint.sighting.interval_s) if endpoint.sighting else timedelta(0)


def grace(endpoint: EndpointState) -> timedelta:
    return max(interval(endpoint), LEAST_GRACE)


def last_seen(endpoint: EndpointState) -> datetime:
    return endpoint.sighting.received_at if endpoint.sighting else endpoint.last_report_at


def expected_at(endpoint: EndpointState, gaps: tuple[Gap, ...]) -> datetime:
    """When the next heartbeat should come."""
    seen = last_seen(endpoint)
    return extended(seen, seen + interval(endpoint), gaps)


def overdue_at(endpoint: EndpointState, gaps: tuple[Gap, ...]) -> datetime:
    """When the next heartbeat should have come, and grace begins."""
    seen = last_seen(endpoint)
    return extended(seen, seen + interval(endpoint) * 1.25, gaps)


def silent_at(endpoint: EndpointState, gaps: tuple[Gap, ...]) -> datetime:
    """When the endpoint counts as silent unless a heartbeat comes."""
    seen = last_seen(endpoint)
    return extended(seen, seen + interval(endpoint) + grace(endpoint), gaps)
