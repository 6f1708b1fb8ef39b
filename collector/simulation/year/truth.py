"""What truly happened: faults with the instant at which they fall due, and what only looks like one."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from collector.model.subject import Subject


class Fault(StrEnum):
    MISSED = "missed"
    FAILED = "failed"
    NEVER_REPORTED = "never_reported"
    SILENT_MACHINE = "silent_machine"
    SILENT_PRACTICE = "silent_practice"
    RPO = "rpo"
    SILENT_FAILURE = "silent_failure"
    CREEPING = "creeping_encryption"
    ONE_NIGHT = "one_night_encryption"
    ROTATION = "rotation_stopped"
    PROTECTION_OFF = "protection_off"
    RESTORE_TEST = "restore_test_overdue"
    REGION_ATTACK = "region_attack"
    TOOL_FAILURE = "tool_failure"


class Harmless(StrEnum):
    """What a rule could take for a fault: the hard negatives."""

    IMAGING_IMPORT = "imaging_import"
    COMPACTION = "database_compaction"
    NEW_REPOSITORY = "new_repository"
    TOOL_UPGRADE = "tool_upgrade"
    PRUNING = "retention_pruning"
    LATE_UPLINK = "late_uplink"
    OWN_OUTAGE = "own_outage"
    CLOSURE = "closure"
    HOLIDAY = "public_holiday"
    MACHINE_OFF = "machine_off"
    DST_NIGHT = "dst_night"
    REBOOT = "reboot"
    RETRY = "failed_then_retried"
    WARNING = "single_warning"
    LOW_ALERT = "low_alert"
    PATCH_DAY = "patch_day"


@dataclass(frozen=True)
class Episode:
    """Something that befalls a job, a machine or a practice; `amount` is a share or a size, by its kind."""

    kind: Fault | Harmless
    subject: Subject
    begins: datetime
    ends: datetime
    amount: float = 0.0

    def holds(self, at: datetime) -> bool:
        return self.begins <= at < self.ends


@dataclass(frozen=True)
class Label:
    """A fault that any of some rules should find about any of some subjects.

    It falls due at `due`, counts as found until `by`, and explains what is found until `until`. An attack `began`
    before a backup carries it.
    """

    fault: Fault
    subjects: frozenset[Subject]
    rules: frozenset[str]
    due: datetime
    by: datetime
    until: datetime
    began: datetime | None = None


@dataclass(frozen=True)
class Excuse:
    """What makes some findings right that nobody planted: about some subjects, or about the whole practice."""

    rules: frozenset[str]
    subjects: frozenset[Subject] | None
    begins: datetime
    ends: datetime

    def covers(self, rule: str, subject: Subject, at: datetime) -> bool:
        about = self.subjects is None or subject in self.subjects
        return about and rule in self.rules and self.begins <= at <= self.ends


@dataclass(frozen=True)
class Decoy:
    """A hard negative that happened, and how long a finding about it would be laid to it: by some rules, or by any."""

    kind: Harmless
    subject: Subject | None
    begins: datetime
    ends: datetime
    rules: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Truth:
    labels: tuple[Label, ...]
    excuses: tuple[Excuse, ...]
    decoys: tuple[Decoy, ...]


# A clock that is off by less is not corrected (collector/model/clock.py): what hangs on it may come so much early.
TOLERANCE = timedelta(minutes=5)


def label(
    fault: Fault,
    subjects: Collection[Subject],
    rules: Collection[str],
    due: datetime,
    until: datetime,
    by: datetime | None = None,
    began: datetime | None = None,
) -> Label:
    return Label(fault, frozenset(subjects), frozenset(rules), due, by or until, until, began)
