"""What can be set about each rule, with the values that a provider starts with.

A practice's settings are its provider's defaults, overlaid by those of its groups and its own; a job's lie over them.
A field is named as its rule (collector/rules/).
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from collector.model.duration import Duration
from collector.model.finding import Severity
from collector.model.heartbeat import AlertSeverity, PatchSeverity, RestoreLevel, Role
from collector.model.value import Value

Share = Annotated[float, Field(gt=0, le=1)]
Factor = Annotated[float, Field(ge=1)]
Times = Annotated[int, Field(ge=1, le=1_000)]


class Setting(Value):
    """What every rule has: whether it is on, and a severity in place of its own."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True, allow_inf_nan=False)

    enabled: bool = True
    """Whether the rule finds anything."""
    severity: Severity | None = None
    """The severity of all that it finds, in place of the rule's own."""


class HeartbeatMissing(Setting):
    """A machine is silent: a server soon, a workstation after its practice's open hours should have woken it."""

    workstation_open_time: Duration = timedelta(hours=16)
    """How long a workstation may be off in the practice's open hours: people take a day off."""


class PracticeSilent(Setting):
    """All machines of a practice are silent: one trouble, which speaks for theirs."""

    least_endpoints: Times = 2
    """Of fewer, the endpoint's own silence says it."""


class BackupMissed(Setting):
    """No run of a scheduled job has ended by its time and grace."""


class BackupLate(Setting):
    """A scheduled run has not ended at its time, and may yet within its grace."""

    after: Duration = timedelta(minutes=15)
    """How long after it would usually have ended a run is called late, within its grace."""


class BackupOverrunning(Setting):
    """A run takes much longer than its job usually does."""

    factor: Factor = 3
    """Times the job's usual duration."""
    at_least: Duration = timedelta(minutes=30)
    """A run shorter than this is never called long."""


class Retries(StrEnum):
    """Which of several runs within one window counts."""

    BEST = "best"
    WORST = "worst"
    LAST = "last"


class BackupFailed(Setting):
    """The result of a job is bad."""

    in_a_row: Times = 1
    """How many results in a row must be bad."""
    retries: Retries = Retries.LAST
    """Which run of a window is its result."""


class BackupWarning(Setting):
    """A job ends with warnings again and again."""

    in_a_row: Times = 3
    """How many results in a row must carry warnings: a file that was open is no trouble, every night is."""
    retries: Retries = Retries.LAST
    """Which run of a window is its result."""


class RpoBreached(Setting):
    """The last good backup is older than agreed: tonight more would be lost than the practice can bear."""

    rpo: Duration | None = None
    """For jobs whose schedule names none of its own."""
    open_time: bool = False
    """Whether age counts in the practice's open hours only."""


class BackupLooksWrong(Setting):
    """A run that ended well is unlike those before it: too small, too fast, too empty."""

    least_runs: Times = 5
    """How many good runs must be known before one is compared with them."""
    deviations: Factor = 6
    """Robust standard deviations (1.4826 times the median absolute deviation) from the median."""
    least_change: Share = 0.3
    """Relative to the median; less is never called wrong, however steady the job was."""
    grown: Factor = 5
    """Times the most that there ever was: images of a practice that was bought make three or four of one, rightly."""
    too_fast: Share = 0.1
    """Of the usual duration: green in two seconds."""
    shrunk_points: Share = 0.4
    """Of the most restore points of its history that must be left: who keeps a week and prunes weekly loses half."""


class RansomwareSignature(Setting):
    """A run looks as if the data had been encrypted before it."""

    rewritten: Share = 0.2
    """Part of both data and files that one run wrote anew, what was merely added apart: less takes several nights."""
    alone: Share = 0.25
    """The same where the tool tells only of data, or only of files: a database that is compacted is less of a disk."""
    creeping: Share = 0.1
    """The part beyond the usual that three runs wrote anew together; twice as much where data alone tell, as of disk
    images, which waver most."""
    each: Share = 0.02
    """The part beyond a busy night that each of three runs in a row wrote anew, of which one is calm in ordinary weeks;
    four times as much where data alone tell."""
    nearby: Duration = timedelta(hours=48)
    """How near in time other signs must be, which halve these parts: protection off, copies deleted, alerts,
    another job that looks so by itself."""
    least_runs: Times = 3
    """How many good runs must be known before."""
    kept: Duration = timedelta(days=14)
    """How long it stays found: the nights after an encryption look normal again."""


class RestoreTest(Setting):
    """Nobody has shown for too long that a backup can be read back, or it could not be."""

    every: Mapping[RestoreLevel, Duration | None] = {
        RestoreLevel.FILE: timedelta(days=92),
        RestoreLevel.BOOT: None,
        RestoreLevel.DATABASE: None,
        RestoreLevel.IMAGING: None,
    }
    """How often each level must be proven, files once a quarter; none asks nothing of a level never tested."""
    again: Duration = timedelta(days=184)
    """For a level that was tested once and has no cadence of its own."""
    unproven: Severity = Severity.NOTICE
    """What a level is worth that is due and was never tested: most practices begin without any test."""


class OfflineCopy(Setting):
    """No recent copy is out of an attacker's reach."""

    rotation: Duration = timedelta(days=8)
    """How old the last offline copy of a job that has any may be: a week, and a day to carry it."""
    same_medium: Duration = timedelta(days=31)
    """How long one medium may come back alone: nobody changes it."""
    immutable_for: Duration = timedelta(days=3)
    """How far ahead the immutability of a job's copies must reach, where it has any: over a weekend, to be noticed."""
    required: bool = False
    """Whether a job without any offline or immutable copy is wrong."""
    kept: Duration = timedelta(days=14)
    """How long a deletion or a shortened immutability stays found, unless it is put right."""


class EndpointWithoutBackup(Setting):
    """A machine is known and in no backup job, or is backed up and otherwise unknown."""

    roles: frozenset[Role] = frozenset({Role.SERVER, Role.IMAGING})
    """Of which machines a backup is expected."""
    after: Duration = timedelta(days=3)
    """How long a new machine may be without one, or a backed-up one without patch or protection data."""


class PatchesOverdue(Setting):
    """Updates are missing for longer than their severity allows, or wait for a restart."""

    deadline: Mapping[PatchSeverity, Duration | None] = {
        PatchSeverity.CRITICAL: timedelta(days=14),
        PatchSeverity.IMPORTANT: timedelta(days=30),
        PatchSeverity.MODERATE: timedelta(days=90),
        PatchSeverity.LOW: None,
        PatchSeverity.UNSPECIFIED: timedelta(days=90),
    }
    """By severity, from the release of the oldest. Sources: 14 days for what is critical, UK Cyber Essentials (security
    update management); 30 for what is high and 90 for what is moderate, FedRAMP's vulnerability scanning."""
    reboot: Duration = timedelta(days=14)
    """How long a restart may be pending: until then what was installed protects nobody."""
    stale: Duration = timedelta(days=7)
    """After this a scan says nothing about today, and its machine is unknown. Source: NIST SP 800-40r4."""


class ProtectionWeak(Setting):
    """Protection against malware is off, beside nothing active, or old."""

    signatures: Duration = timedelta(days=7)
    """How old signatures may be. Source: Microsoft Defender calls them out of date after 7 days."""
    disarmed: Duration = timedelta(days=7)
    """How long it stays found that protection against tampering was switched off."""
    stale: Duration = timedelta(days=7)
    """After this what was said of protection says nothing about today."""


class EndpointAlert(Setting):
    """Protection has raised an alert that is not remediated."""

    least: AlertSeverity = AlertSeverity.MEDIUM
    """Alerts below are shown and raise nothing."""


class ClockSkew(Setting):
    """A machine's clock is wrong."""

    over: Duration = timedelta(minutes=15)
    """How far a machine's clock may be off."""


class HeartbeatsLost(Setting):
    """Heartbeats are lost on their way."""

    share: Share = 0.1
    """Of a day's heartbeats that may be lost."""


class AgentOutdated(Setting):
    """A machine runs an agent that is older than wanted."""

    oldest: Annotated[str, Field(pattern=r"^\d{1,9}(\.\d{1,9}){0,5}$")] | None = None
    """The oldest version of our agent that is still good, as in 1.4; none asks nothing."""


class Campaign(Setting):
    """The same trouble comes to several practices at once; of the provider, so set in the defaults alone."""

    practices: Times = 3
    """How many practices make a campaign."""
    window: Duration = timedelta(hours=12)
    """Within which the same signature counts as one."""
    tickets: Annotated[str, Field(pattern="^(parent|each)$")] = "parent"
    """One parent ticket for all, or one for each practice."""


class OwnOutage(Setting):
    """After an outage of ours, what it may have made is grey until it has had time to clear."""

    catching_up: Duration = timedelta(minutes=15)
    """How long after an outage of ours new findings wait for what was not yet sent."""


class Undelivered(Setting):
    """A channel takes nothing for a quarter of an hour, or did not for a day, and messages were given up."""


class RuleSettings(Value):
    """One field a rule."""

    heartbeat_missing: HeartbeatMissing = HeartbeatMissing()
    practice_silent: PracticeSilent = PracticeSilent()
    backup_missed: BackupMissed = BackupMissed()
    backup_late: BackupLate = BackupLate()
    backup_overrunning: BackupOverrunning = BackupOverrunning()
    backup_failed: BackupFailed = BackupFailed()
    backup_warning: BackupWarning = BackupWarning()
    rpo_breached: RpoBreached = RpoBreached()
    backup_looks_wrong: BackupLooksWrong = BackupLooksWrong()
    ransomware_signature: RansomwareSignature = RansomwareSignature()
    restore_test: RestoreTest = RestoreTest()
    offline_copy: OfflineCopy = OfflineCopy()
    endpoint_without_backup: EndpointWithoutBackup = EndpointWithoutBackup()
    patches_overdue: PatchesOverdue = PatchesOverdue()
    protection_weak: ProtectionWeak = ProtectionWeak()
    endpoint_alert: EndpointAlert = EndpointAlert()
    clock_skew: ClockSkew = ClockSkew()
    heartbeats_lost: HeartbeatsLost = HeartbeatsLost()
    agent_outdated: AgentOutdated = AgentOutdated()
    campaign: Campaign = Campaign()
    own_outage: OwnOutage = OwnOutage()
    undelivered: Undelivered = Undelivered()

    def setting(self, rule: str) -> Setting:
        found: Setting = getattr(self, rule)
        return found
