"""What every rule takes and gives."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from collector.model.finding import Evaluation
from collector.model.policy import Policy
from collector.model.snapshot import Snapshot

Check = Callable[[Snapshot, Policy, datetime], Evaluation]


@dataclass(frozen=True)
class Rule:
    """A named check. Its findings hold from `now` to the `next_due` that it returns."""

    name: str
    check: Check
