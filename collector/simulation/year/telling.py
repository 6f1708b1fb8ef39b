"""What a practice's machines tell, as reports in the order of their arrival."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.model.heartbeat import (
    Alert,
    AlertCategory,
    AlertSeverity,
    AlertStatus,
    Backup,
    Copy,
    Endpoint,
    Medium,
    Protection,
    ProtectionMode,
    RestoreLevel,
    RestorePoints,
    RestoreStatus,
    RestoreTest,
    Role,
    RunStatus,
    Sections,
)
from collector.model.report import Report
from collector.simulation.year.chance import Chance
from collector.simulation.year.media import Media
from collector.simulation.year.opening import local_instant
from collector.simulation.year.patching import Release, scan
from collector.simulation.year.plan import JobPlan, MachinePlan, PracticePlan
from collector.simulation.year.presence import Presence
from collector.simulation.year.runs import Ran
from collector.simulation.year.truth import Episode, Fault, Harmless

_DAY = timedelta(days=1)
# Whose patches and protection are somebody's to look after.
SCANNED = (Role.SERVER, Role.WORKSTATION, Role.IMAGING)
_STRUCK = frozenset({Fault.ONE_NIGHT, Fault.CREEPING})


@dataclass(frozen=True)
class Told:
    """A section that changed on a machine at an instant, and when we hear of it."""

    sent_at: datetime
    heard_at: datetime
    sections: Sections


class Teller:
    """One machine's words."""

    def __init__(
        self, chance: Chance, plan: PracticePlan, machine: MachinePlan, presence: Presence, episodes: Sequence[Episode]
    ) -> None:
        self._chance = chance
        self._plan = plan
        self._machine = machine
        self._presence = presence
        self._about = [one for one in episodes if one.subject == machine.subject]

    def reports(self, told: Sequence[Told]) -> Iterator[Report]:
        """Who it is stands in the first; the rest is what changed."""
        machine = self._machine
        who = Endpoint(
            id=machine.endpoint_id, name=machine.name, role=machine.role, os=machine.os, agent="vigie-agent/1.0"
        )
        for one in sorted(told, key=lambda one: (one.heard_at, one.sent_at)):
            yield Report(
                heartbeat_id=self._chance.uuid(),
                endpoint_id=machine.endpoint_id,
                received_at=one.heard_at,
                sent_at=one.sent_at + machine.clock,
                endpoint=who,
                sections=one.sections,
            )

    def told(self, at: datetime, sections: Sections) -> Told | None:
        """With the next heartbeat, if one comes before the end."""
        sent = self._presence.next_beat(at)
        heard = self._presence.heard_at(sent) if sent else None
        return Told(sent, heard, sections) if sent and heard and heard < self._plan.end else None

    def scans(self, releases: list[Release]) -> Iterator[Told]:
        if self._machine.role not in SCANNED:
            return
        for at in self._scan_times():
            patches = scan(releases, at, self._machine.clock)
            if told := self.told(at, Sections(patches=patches, protection=(self._protection(at),))):
                yield told

    def _scan_times(self) -> Iterator[datetime]:
        """Once a day in the early morning, or as soon as the machine is on."""
        yield self._plan.begin
        day = self._plan.begin.astimezone(self._plan.local).date() + _DAY
        while (at := local_instant(day, self._machine.scan_at, self._plan.local)) < self._plan.end:
            if self._presence.up_at(at) is None:
                at = self._presence.next_beat(at) or self._plan.end
            if at < self._plan.end and at.astimezone(self._plan.local).date() == day:
                yield at
            day += _DAY

    def protections(self) -> Iterator[Told]:
        """Told at once when it is switched off, and on again."""
        for one in self._about:
            if one.kind is Fault.PROTECTION_OFF:
                for at in (one.begins, one.ends):
                    sent = self._presence.next_beat(at)
                    if sent and (told := self.told(at, Sections(protection=(self._protection(sent),)))):
                        yield told

    def _protection(self, at: datetime) -> Protection:
        off = any(one.kind is Fault.PROTECTION_OFF and one.holds(at) for one in self._about)
        return Protection(
            product="Microsoft Defender",
            mode=ProtectionMode.OFF if off else ProtectionMode.ACTIVE,
            real_time=not off,
            signatures_at=at - timedelta(hours=self._chance.between(1, 20)),
            tamper_protected=True,
        )

    def alerts(self) -> Iterator[Told]:
        for number, one in enumerate(self._about):
            if one.kind is Harmless.LOW_ALERT:
                severity = self._chance.pick((AlertSeverity.LOW, AlertSeverity.INFO))
                alert = _alert(f"low-{number}", one.begins, severity, AlertCategory.UNWANTED, "PUA:Win32/Bundler")
                yield from self._alert(alert, one.begins)
                yield from self._alert(alert.model_copy(update={"status": AlertStatus.REMEDIATED}), one.ends)
            elif one.kind in _STRUCK and self._chance.happens(0.4):  # what an attacker did not switch off in time
                name = "Ransom:Win32/Lockbit"
                alert = _alert(f"struck-{number}", one.begins, AlertSeverity.CRITICAL, AlertCategory.RANSOMWARE, name)
                yield from self._alert(alert, one.begins)
                yield from self._alert(alert.model_copy(update={"status": AlertStatus.REMEDIATED}), one.ends + 5 * _DAY)

    def _alert(self, alert: Alert, at: datetime) -> Iterator[Told]:
        if told := self.told(at, Sections(alerts=(alert,))):
            yield told

    def runs(self, runs: Sequence[Ran], media: Media) -> Iterator[Told]:
        for ran in runs:
            if ran.start_heard_at:
                sent, heard = ran.start_heard_at
                yield Told(sent, heard, Sections(backups=(_started(ran),)))
            yield Told(ran.sent_at, ran.heard_at, Sections(backups=(_ended(ran, media),)))

    def tests(self, job: JobPlan, tested: Sequence[datetime]) -> Iterator[Told]:
        for at in tested:
            test = RestoreTest(
                job=job.name, level=RestoreLevel.FILE, status=RestoreStatus.SUCCESS, tested_at=at + self._machine.clock
            )
            if told := self.told(max(at, self._plan.begin), Sections(restore_tests=(test,))):
                yield told


def _alert(key: str, at: datetime, severity: AlertSeverity, category: AlertCategory, name: str) -> Alert:
    return Alert(id=key, at=at, severity=severity, category=category, name=name)


def _started(ran: Ran) -> Backup:
    return Backup(
        job=ran.job.name,
        tool=ran.tool,
        run_id=f"{ran.number}",
        status=RunStatus.RUNNING,
        started_at=ran.began_at + ran.job.machine.clock,
    )


def _ended(ran: Ran, media: Media) -> Backup:
    clock = ran.job.machine.clock
    failed = ran.status is RunStatus.FAILED
    return Backup(
        job=ran.job.name,
        tool=ran.tool,
        run_id=f"{ran.number}",
        status=ran.status,
        started_at=ran.began_at + clock,
        finished_at=ran.ended_at + clock,
        bytes_total=ran.figures.bytes_total,
        bytes_added=ran.figures.bytes_added,
        files_total=ran.figures.files_total,
        files_changed=ran.figures.files_changed,
        message="the repository cannot be reached" if failed else None,
        copies=_copies(ran, media),
        restore_points=RestorePoints(
            count=ran.points.count, oldest_at=ran.points.oldest_at, newest_at=ran.points.newest_at
        ),
    )


def _copies(ran: Ran, media: Media) -> tuple[Copy, ...]:
    job = ran.job
    until = ran.ended_at + job.immutable if job.immutable else None
    first = Copy(medium=Medium.NAS, location=f"nas:/backup-{ran.repository}", immutable_until=until)
    offline = media.copy_at(ran.ended_at)
    return (first, offline) if offline else (first,)
