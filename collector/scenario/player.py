"""One practice judged along a timeline, event by event, as a worker would that is always awake."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from collector.escalation.incidents import REOPEN_WINDOW
from collector.judge import Record, Verdict, judge, learn
from collector.model.finding import Finding
from collector.model.incident import Incident, Ticket
from collector.model.policy import Policy
from collector.model.report import Report
from collector.model.snapshot import Gap, Sighting, Snapshot
from collector.scenario.life import Lives, gaps_seen, sightings, sightings_ahead

# Workers wake once a second; while we are away each look moves every deadline by what it lasted.
SHORTEST_STEP = timedelta(seconds=1)
# As long as the live worker asks for (collector/evaluate.py).
GAPS_REMEMBERED = timedelta(days=35)

Leap = Callable[[], datetime | None]


class Player:
    """Judges at each event, and at each instant at which a finding falls due between them.

    1. `hear` first judges all that fell due before an event, then folds it and judges at its instant.
    2. How far the next judgement is, is asked of the rules as if the heartbeats of spans that last had come already:
       a machine that lives needs no look at each of its heartbeats.
    """

    def __init__(
        self, policy: Policy, lives: Lives, outages: Iterable[Gap], begin: datetime, snapshot: Snapshot | None = None
    ) -> None:
        self.policy = policy
        self.snapshot = snapshot or Snapshot(practice_id=policy.practice_id)
        self.incidents: dict[UUID, Incident] = {}
        self.findings: tuple[Finding, ...] = ()
        self._lives = lives
        self._outages = tuple(sorted(outages, key=lambda gap: gap.start))
        self._lasting: dict[UUID, Incident] = {}
        self._tickets: dict[UUID, Ticket] = {}
        self._now = begin
        self._due: datetime | None = begin
        self._leap: Leap | None = None

    def hear(self, at: datetime, reports: tuple[Report, ...] = (), policy: Policy | None = None) -> None:
        """Something happens: reports arrive, another policy is in force, or an endpoint is back."""
        self._advance(at)
        self.snapshot = learn(self.snapshot, reports)
        self.policy = policy or self.policy
        self._judge(at)

    def play_until(self, at: datetime) -> None:
        """Judge all that falls due until an instant, and at it if it does; a look alone judges nothing."""
        self._advance(at)
        if self._due_by(at) == at:
            self._judge(at)

    def _advance(self, at: datetime) -> None:
        while (due := self._due_by(at)) is not None and due < at:
            self._judge(due)

    def _due_by(self, at: datetime) -> datetime | None:
        """When to judge next; how far one may leap is asked only where something falls due until then."""
        if self._leap is not None and self._due is not None and self._due <= at:
            self._due, self._leap = self._stepped(self._leap()), None
        return self._due

    def _judge(self, now: datetime) -> None:
        self._now = now
        gaps = gaps_seen((gap for gap in self._outages if gap.end > now - GAPS_REMEMBERED), now)
        seen, ahead = sightings(self._lives, now), sightings_ahead(self._lives, now)
        verdict = judge(self._record(), seen, gaps, now)
        self.findings = verdict.evaluation.findings
        self.incidents |= {one.incident_id: one for one in verdict.incidents}
        self._lasting = {one.incident_id: one for one in verdict.incidents if one.lasts}
        self._tickets |= {one.ticket_id: one for one in verdict.tickets}
        self._due = self._stepped(verdict.next_due)
        self._leap = partial(self._leapt, verdict, ahead, gaps) if ahead != seen else None

    def _leapt(self, verdict: Verdict, ahead: dict[UUID, Sighting], gaps: tuple[Gap, ...]) -> datetime | None:
        """Where it is found otherwise by what will come, what has come counts: one heard again may be waited for."""
        to_come = judge(self._record(), ahead, gaps, self._now)
        return (to_come if _told(to_come) == _told(verdict) else verdict).next_due

    def _stepped(self, due: datetime | None) -> datetime | None:
        away = any(gap.start < self._now < gap.end for gap in self._outages)
        if due is None or (due > self._now and not away):
            return due
        return max(due, self._now + SHORTEST_STEP)

    def _record(self) -> Record:
        recent = self._now - REOPEN_WINDOW
        self._tickets = {
            key: one for key, one in self._tickets.items() if one.resolved_at is None or one.resolved_at > recent
        }
        return Record(self.snapshot, self.policy, tuple(self._lasting.values()), tuple(self._tickets.values()))


def _told(verdict: Verdict) -> frozenset[tuple[object, ...]]:
    """What is found, but for when it was last heard of."""
    return frozenset(
        (one.rule, one.subject, one.root, one.severity, one.reason, one.grey, one.inhibited_by)
        for one in verdict.evaluation.findings
    )
