"""Our own outage is never the practice's: what we may only have failed to hear is grey, and no finding yet.

1. What agents tell is late after an outage and never lost: they keep it. From the beginning of the outage until an
   endpoint was heard again with nothing left to send, or has had time enough for it, what is found about it and its
   jobs is `catching_up`, and what is found about the practice as a whole while any endpoint is. Not what was told
   in so many words: an alert, a night's encryption. Nothing that is still to come unsays it.
2. What a script's ping or a mail tells is lost if it met the outage. A backup that is known by these alone, and
   should have told within it, is in doubt (`our_outage`) until the next run has had to tell.

What was found before stays open (collector/escalation/incidents.py), and the age of backups counts on.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from collector.model.clock import SKEW_TOLERATED
from collector.model.finding import Evaluation, Finding
from collector.model.policy import Every, JobPolicy, Policy
from collector.model.report import Source
from collector.model.snapshot import EndpointState, Gap, JobState, Snapshot, extended
from collector.model.subject import PRACTICE, Subject, endpoint_subject, scopes
from collector.model.value import EARLIEST, earliest
from collector.rules.deadline import deadline
from collector.rules.liveness import overdue_at

# Rules that find that a run has not told of itself.
_UNHEARD = frozenset({"backup_missed", "backup_late", "backup_overrunning"})

# Rules that find what was told, not what was not; and that can wait for nothing.
_TOLD = frozenset({"endpoint_alert", "ransomware_signature"})

# A shorter outage loses no ping: `curl --retry 5`, as the makers of such scripts are told to write, tries for 31 s.
_PINGS_OUTLAST = timedelta(seconds=30)
# An agent waits twice as long after each failure (collector/agent/sending/backoff.py): when an outage ends, it is
# back within twice its length and its first waits. After a short one nobody needs the whole time that is set.
_FIRST_WAITS = timedelta(minutes=1)
# Collectors write down every second that they could commit (collector/store/listening.py).
_LEDGER_LAG = timedelta(seconds=3)


class Grey(StrEnum):
    """Why a finding may be our own doing."""

    CATCHING_UP = "catching_up"
    OUR_OUTAGE = "our_outage"


@dataclass(frozen=True)
class _Doubt:
    grey: Grey
    start: datetime
    end: datetime


_Behind = Mapping[Subject, Sequence[_Doubt]]


def greyed(judged: Evaluation, snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    """The findings of all rules, with those that are in doubt, and when that changes."""
    setting = policy.rules_of(PRACTICE).own_outage
    if not (judged.findings and snapshot.gaps and setting.enabled):
        return judged
    behind = _behind(snapshot, policy, setting.catching_up, now)
    findings: list[Finding] = []
    turns = [judged.next_due]
    for found in judged.findings:
        doubts = [one for one in _doubts(found, behind, snapshot, policy) if one.end > now]
        turns += [at for one in doubts for at in (one.start, one.end) if at > now]
        grey = next((one.grey for one in doubts if one.start <= now), None)
        findings.append(found.model_copy(update={"grey": grey.value}) if grey else found)
    return Evaluation(findings=tuple(findings), next_due=earliest(turns))


def _doubts(found: Finding, behind: _Behind, snapshot: Snapshot, policy: Policy) -> Iterator[_Doubt]:
    if found.rule in _UNHEARD and (until := _lost_until(found.subject, snapshot, policy)):
        yield _Doubt(Grey.OUR_OUTAGE, EARLIEST, until)
    for scope in scopes(found.subject) if found.rule not in _TOLD else ():
        yield from behind.get(scope, ())


def _behind(snapshot: Snapshot, policy: Policy, allowed: timedelta, now: datetime) -> _Behind:
    """When each endpoint may owe us something, and the practice when any that is watched may."""
    behind: dict[Subject, list[_Doubt]] = defaultdict(list)
    for gap in snapshot.gaps:
        end = gap.end + min(allowed, 2 * (gap.end - gap.start) + _FIRST_WAITS)
        for endpoint in snapshot.endpoints.values() if end > now else ():
            start, subject = _behind_from(endpoint, gap), endpoint_subject(endpoint.endpoint_id)
            if start is not None:
                doubt = _Doubt(Grey.CATCHING_UP, start, end)
                behind[subject].append(doubt)
                if policy.retirement(subject) is None:
                    behind[PRACTICE].append(doubt)
    return behind


def _behind_from(endpoint: EndpointState, gap: Gap) -> datetime | None:
    """From when an endpoint may owe us what it kept: not after it was heard again with nothing left to send.

    Where the way to us is broken for most, one may get through within the gap: it owes nothing until it is overdue.
    """
    sighting = endpoint.sighting
    if sighting is None or sighting.queued or sighting.received_at <= gap.start + _LEDGER_LAG:
        return gap.start
    return None if sighting.received_at >= gap.end else overdue_at(endpoint, ())


def _lost_until(subject: Subject, snapshot: Snapshot, policy: Policy) -> datetime | None:
    """When the first run must have told that no outage of ours can have swallowed; none if none did swallow one."""
    state, job = snapshot.jobs.get(subject), policy.jobs.get(subject)
    if state is not None:
        job = policy.for_job(state.endpoint_id, state.job)
    if job is None or not _told_without_agent(job, state):
        return None
    gaps = [gap for gap in snapshot.gaps if gap.end - gap.start >= _PINGS_OUTLAST]
    due = deadline(job, state, snapshot.gaps)
    slot_at, tells_from, missed_at = due.slot_at, _tells_from(due.due_at, job, state), due.missed_at
    until = None
    while lost := next((gap for gap in gaps if gap.start < missed_at and gap.end > tells_from), None):
        slot_at = job.schedule.due_after(max(slot_at, lost.end))
        until = missed_at = extended(slot_at, slot_at + job.grace, snapshot.gaps)
        tells_from = _tells_from(slot_at, job, state)
    return until


def _told_without_agent(job: JobPolicy, state: JobState | None) -> bool:
    last_run = state.last_run if state else None
    return last_run.source is not Source.AGENT if last_run else job.endpoint_id is None


def _tells_from(due_at: datetime, job: JobPolicy, state: JobState | None) -> datetime:
    """How early a run may tell that counts for its slot: by a clock ahead, or by having run shorter than the last."""
    early = min(job.grace, job.schedule.period / 2) if isinstance(job.schedule, Every) else SKEW_TOLERATED
    last_run = state.last_run if state else None
    return max(due_at - early, last_run.finished_at if last_run else EARLIEST)
