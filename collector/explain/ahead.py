"""What would be found, and when, if nothing more were heard: the rules themselves are asked, instant by instant."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from collector.model.finding import Finding
from collector.model.policy import Policy
from collector.model.snapshot import Snapshot
from collector.model.subject import Subject
from collector.rules.registry import evaluate

# Beyond two months nobody plans; a practice of twenty machines has some hundred deadlines until then.
HORIZON = timedelta(days=62)
MOST_STEPS = 1_000

Ahead = Mapping[tuple[str, Subject], Finding]


def ahead(snapshot: Snapshot, policy: Policy, now: datetime) -> Ahead:
    """Each finding that is not yet so, as it would first be; its `since` is when."""
    judged = evaluate(snapshot, policy, now)
    known = {(one.rule, one.subject) for one in judged.findings}
    found: dict[tuple[str, Subject], Finding] = {}
    for _ in range(MOST_STEPS):
        due = judged.next_due
        if due is None or due > now + HORIZON:
            break
        judged = evaluate(snapshot, policy, due)
        for one in judged.findings:
            if (one.rule, one.subject) not in known:
                found.setdefault((one.rule, one.subject), one)
    return found
