"""Which machines are watched: every one that reported, less what is retired."""

from collections.abc import Iterator

from collector.model.policy import Policy
from collector.model.snapshot import EndpointState, Snapshot
from collector.model.subject import Subject, endpoint_subject


def watched_endpoints(snapshot: Snapshot, policy: Policy) -> Iterator[tuple[Subject, EndpointState]]:
    for endpoint in snapshot.endpoints.values():
        subject = endpoint_subject(endpoint.endpoint_id)
        if policy.retirement(subject) is None:
            yield subject, endpoint
