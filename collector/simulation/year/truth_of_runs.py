"""What is true of a job's schedule: when runs were missed, failed, or left the last good one too old."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from collector.model.policy import Cron
from collector.simulation.year.known import heard_about, moved, settled, with_next
from collector.simulation.year.life import JobYear, Life, MachineYear
from collector.simulation.year.opening import local_instant
from collector.simulation.year.plan import JobPlan
from collector.simulation.year.runs import Ran
from collector.simulation.year.truth import TOLERANCE, Excuse, Fault, Label, label

_DAY = timedelta(days=1)
_WARNINGS = 3
_UNHEARD = frozenset({"backup_missed", "backup_late", "backup_overrunning"})


def ended_as_told(ran: Ran) -> datetime:
    """By the machine's clock, and not after we heard of it."""
    return min(ran.ended_at + ran.job.machine.clock, ran.heard_at)


def truth_of_runs(life: Life, machine: MachineYear, year: JobYear) -> Iterator[Label | Excuse]:
    yield from _missed(life, machine, year)
    yield from _failed(life, machine, year)
    yield from _too_old(life, machine, year)
    yield from _warned(year)
    yield from _long(year)


def _missed(life: Life, machine: MachineYear, year: JobYear) -> Iterator[Label | Excuse]:
    """From each run to the next one that we hear of: whether the slot between them went by."""
    job, last = year.job, None
    for ran in [*_in_order(year), None]:
        until = ran.heard_at if ran else life.plan.end
        slot = _held_to(ran, _next_slot(life, job, last))
        late = moved(slot, slot + job.grace, life.outages)
        due = settled(machine.presence, late, life.outages)
        if due < until:
            yield from _went_by(machine, job, last, due, until)
        last = ran


def _held_to(ran: Ran | None, slot: datetime) -> datetime:
    """A run that told of its start is held to its grace from there: grace is also the longest run."""
    started = ran.began_at + ran.job.machine.clock if ran and ran.start_heard_at else slot
    return min(slot, started)


def _went_by(
    machine: MachineYear, job: JobPlan, last: Ran | None, due: datetime, until: datetime
) -> Iterator[Label | Excuse]:
    """A job of a machine that is not heard is no news beside that, and still right."""
    if heard_about(machine.presence, due):
        kind = Fault.MISSED if last else Fault.NEVER_REPORTED
        yield label(kind, {job.subject}, {"backup_missed"}, due, until)
    yield Excuse(_UNHEARD, frozenset({job.subject}), due - TOLERANCE, until)


def _in_order(year: JobYear) -> list[Ran]:
    """As we hear of them, without what is older than what is known."""
    heard = sorted(year.runs, key=lambda ran: (ran.heard_at, ran.ended_at))
    return [ran for place, ran in enumerate(heard) if place == 0 or ran.ended_at >= heard[place - 1].ended_at]


def _next_slot(life: Life, job: JobPlan, last: Ran | None) -> datetime:
    if last is None:
        return _slot_after(life, job, job.since)
    ended = ended_as_told(last)
    slot = _slot_after(life, job, ended)
    early = slot - (last.began_at + job.machine.clock)
    return _slot_after(life, job, slot) if isinstance(job.schedule, Cron) and early <= TOLERANCE else slot


def _slot_after(life: Life, job: JobPlan, at: datetime) -> datetime:
    if job.at is None or not isinstance(job.schedule, Cron):
        return at + job.every
    day = at.astimezone(life.plan.local).date() - _DAY
    while True:
        slot = local_instant(day, job.at, life.plan.local)
        if slot > at and not (job.weekdays_only and day.weekday() > 4):
            return slot.astimezone(UTC)
        day += _DAY


def _failed(life: Life, machine: MachineYear, year: JobYear) -> Iterator[Label | Excuse]:
    """A failure counts when we hear of it; where retries count as one, when the time for a better one is over."""
    job, failing = year.job, False
    runs = _in_order(year)
    for ran in runs:
        if ran.good:
            failing = False
            continue
        healed = next((one.heard_at for one in runs if one.good and one.ended_at > ran.ended_at), life.plan.end)
        ended = ended_as_told(ran)
        due = max(ran.heard_at, moved(ended, ended + job.grace, life.outages)) if job.retries else ran.heard_at
        due = settled(machine.presence, due, life.outages)
        if due < healed and not failing:
            failing = True
            yield label(Fault.FAILED, {job.subject}, {"backup_failed"}, due, healed)


def _too_old(life: Life, machine: MachineYear, year: JobYear) -> Iterator[Label | Excuse]:
    """The age of what is known to be good; our own outages never stop it, they only keep us from saying so."""
    job = year.job
    good = [ran for ran in _in_order(year) if ran.good]
    yield from _never_good(life, job, good)
    for ran, after in with_next(good):
        until = after.heard_at if after else life.plan.end
        ended = ended_as_told(ran)
        old = life.opening.after(ended, job.rpo) if job.open_rpo else ended + job.rpo
        if old is None:
            continue
        due = settled(machine.presence, max(old, ran.heard_at), life.outages)
        if due < until:
            yield label(Fault.RPO, {job.subject}, {"rpo_breached"}, due, until)


def _never_good(life: Life, job: JobPlan, good: list[Ran]) -> Iterator[Excuse]:
    until = good[0].heard_at if good else life.plan.end
    yield Excuse(frozenset({"rpo_breached"}), frozenset({job.subject}), job.since, until)


def _warned(year: JobYear) -> Iterator[Excuse]:
    """As many warnings in a row are no chance any more."""
    runs = _in_order(year)
    for place in range(_WARNINGS - 1, len(runs)):
        row = runs[place - _WARNINGS + 1 : place + 1]
        if all(ran.status == "warning" for ran in row):
            yield Excuse(
                frozenset({"backup_warning"}), frozenset({year.job.subject}), row[-1].heard_at, row[-1].heard_at + _DAY
            )


def _long(year: JobYear) -> Iterator[Excuse]:
    """That a run takes more than twice its usual time is true, whatever the reason."""
    for ran in year.runs:
        if ran.ended_at - ran.began_at > 2 * year.job.duration:
            subject = frozenset({year.job.subject})
            yield Excuse(frozenset({"backup_overrunning"}), subject, ran.began_at, ran.heard_at + timedelta(hours=1))
