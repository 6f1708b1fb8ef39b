"""What happens at a simulated practice: its machines, their jobs, and the faults written into it."""

from datetime import timedelta
from enum import StrEnum

from collector.model.heartbeat import JobName, Role
from collector.model.value import Value


class FaultKind(StrEnum):
    MISSED = "missed"  # the job does not run
    FAILED = "failed"  # the job runs and ends badly
    DEAD = "dead"  # the machine falls silent


class Fault(Value):
    """A fault with its ground truth: from when until when, counted from the beginning of the story."""

    kind: FaultKind
    begins: timedelta
    ends: timedelta | None = None

    def holds(self, at: timedelta) -> bool:
        return self.begins <= at and (self.ends is None or at < self.ends)


class JobScript(Value):
    """A job that runs each `period` from `first`, and takes `duration`."""

    name: JobName
    tool: str
    period: timedelta
    first: timedelta
    duration: timedelta
    faults: tuple[Fault, ...] = ()


class MachineScript(Value):
    name: str
    role: Role
    os: str
    interval: timedelta
    first: timedelta
    jobs: tuple[JobScript, ...] = ()
    faults: tuple[Fault, ...] = ()


class PracticeScript(Value):
    name: str
    machines: tuple[MachineScript, ...]
