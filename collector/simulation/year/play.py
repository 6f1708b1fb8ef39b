"""One practice's year through the judge, event by event in simulated time, without a database."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from collector.escalation.incidents import REOPEN_WINDOW
from collector.judge import Record, Verdict, judge, learn
from collector.model.finding import Severity
from collector.model.incident import Incident, IncidentChange
from collector.model.report import Report
from collector.model.snapshot import Gap, Sighting, Snapshot
from collector.model.subject import Subject
from collector.simulation.year.life import Life

# As far back as evaluate.py looks.
_GAPS_REMEMBERED = timedelta(days=35)


@dataclass(frozen=True)
class Raised:
    """An incident that somebody was to be told of; `until` is when it resolved."""

    rule: str
    subject: Subject
    reason: str
    severity: Severity
    since: datetime
    at: datetime
    until: datetime | None = None
    signature: str | None = None
    inhibited_by: str | None = None


@dataclass(frozen=True)
class Played:
    raised: tuple[Raised, ...]
    judgements: int


class Player:
    """`ahead` judges nothing again that only a bare heartbeat has changed; without it every heartbeat counts."""

    def __init__(self, life: Life, *, ahead: bool = True) -> None:
        self._life = life
        self._ahead = ahead
        self._outages = sorted(life.outages, key=lambda one: one.begins)
        self._record = Record(Snapshot(practice_id=life.plan.practice_id), life.policy, (), ())
        self._received = [report.received_at for report in life.reports]
        self._folded = 0
        self._raised: dict[UUID, Raised] = {}

    def play(self) -> Played:
        wakes = self._wakes()
        judgements = 0
        now: datetime | None = wakes[0]
        while now is not None and now < self._life.plan.end:
            judgements += 1
            verdict = self._judge(now)
            now = self._next(wakes, verdict, now)
        return Played(tuple(self._raised.values()), judgements)

    def _wakes(self) -> list[datetime]:
        """Arrivals of reports, of machines that were away, and the ends of our outages."""
        stretches = (one.first for machine in self._life.machines for one in machine.presence.stretches)
        outages = (one.ends for one in self._outages)
        return sorted({*self._received, *stretches, *outages})

    def _next(self, wakes: Sequence[datetime], verdict: Verdict, now: datetime) -> datetime | None:
        index = bisect_right(wakes, now)
        coming = [wakes[index]] if index < len(wakes) else []
        if verdict.next_due is not None:
            coming.append(max(verdict.next_due, now + timedelta(microseconds=1)))
        at = min(coming, default=None)
        return self._awake(at) if at else None

    def _awake(self, at: datetime) -> datetime:
        """Nobody judges while all of us is down."""
        blind = (one for one in self._outages if one.blind and one.begins <= at < one.ends)
        return max((one.ends for one in blind), default=at)

    def _judge(self, now: datetime) -> Verdict:
        record = self._record
        snapshot = learn(record.snapshot, self._arrived(now))
        record = Record(snapshot, record.policy, record.incidents, record.tickets)
        verdict = judge(record, self._sightings(snapshot, now), self._gaps(now), now)
        self._keep(verdict, now)
        tickets = {one.ticket_id: one for one in (*record.tickets, *verdict.tickets)}
        recent = (one for one in tickets.values() if one.resolved_at is None or now - one.resolved_at <= REOPEN_WINDOW)
        lasting = tuple(one for one in verdict.incidents if one.lasts)
        self._record = Record(snapshot, record.policy, lasting, tuple(recent))
        return verdict

    def _arrived(self, now: datetime) -> tuple[Report, ...]:
        until = bisect_right(self._received, now)
        reports = self._life.reports[self._folded : until]
        self._folded = until
        return reports

    def _sightings(self, snapshot: Snapshot, now: datetime) -> dict[UUID, Sighting]:
        seen = ((one.machine.endpoint_id, one.presence.sighting(now, ahead=self._ahead)) for one in self._life.machines)
        return {key: sighting for key, sighting in seen if sighting and key in snapshot.endpoints}

    def _gaps(self, now: datetime) -> tuple[Gap, ...]:
        return tuple(
            Gap(start=one.begins, end=min(one.ends, now))
            for one in self._outages
            if one.begins < now and one.ends > now - _GAPS_REMEMBERED
        )

    def _keep(self, verdict: Verdict, now: datetime) -> None:
        for change in verdict.changes:
            one = change.incident
            known = self._raised.get(one.incident_id)
            if known is None and one.severity is not Severity.NOTICE and one.lasts:
                self._raised[one.incident_id] = _raised(one, now)
            elif known is not None and change.what is IncidentChange.RESOLVED:
                self._raised[one.incident_id] = replace(known, until=now)


def _raised(one: Incident, at: datetime) -> Raised:
    return Raised(
        rule=one.rule,
        subject=one.subject,
        reason=one.reason,
        severity=one.severity,
        since=one.since,
        at=at,
        signature=one.signature,
        inhibited_by=one.inhibited_by,
    )
