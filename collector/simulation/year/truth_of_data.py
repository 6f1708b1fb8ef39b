"""What is true of a job's data: attacks, green runs with nothing behind them, media nobody changes, tests undone."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from collector.model.heartbeat import RestoreLevel, RunStatus
from collector.model.rule_settings import BackupLooksWrong, OfflineCopy, RestoreTest
from collector.model.subject import PRACTICE
from collector.simulation.year.known import settled, with_next
from collector.simulation.year.life import JobYear, Life, MachineYear
from collector.simulation.year.media import Rotation
from collector.simulation.year.runs import Ran
from collector.simulation.year.truth import TOLERANCE, Decoy, Episode, Excuse, Fault, Harmless, Label, label

_DAY = timedelta(days=1)
_ATTACKS = (Fault.ONE_NIGHT, Fault.CREEPING)
# What an attack and the recovery from it make every rule of this kind say, rightly, for a month.
_AFTERMATH = frozenset(
    {
        "ransomware_signature", "backup_looks_wrong", "endpoint_alert", "protection_weak", "offline_copy",
        "backup_overrunning", "backup_late",
    }
)  # fmt: skip
_DATA = (Harmless.IMAGING_IMPORT, Harmless.COMPACTION, Harmless.NEW_REPOSITORY, Harmless.TOOL_UPGRADE)
_RUNS_AFTER = 3
_RUNS_OF_A_CREEP = 3


def truth_of_data(life: Life, machine: MachineYear, year: JobYear) -> Iterator[Label | Excuse | Decoy]:
    for episode in life.episodes:
        carrying = [ran for ran in year.runs if ran.good and episode in ran.befell]
        if episode.kind in _ATTACKS and episode.subject == machine.machine.subject:
            yield from _attacked(life, machine, year, episode, carrying)
        elif carrying and episode.kind is Fault.SILENT_FAILURE:
            yield from _empty(life, machine, year, carrying)
        elif carrying and episode.kind in _DATA:
            yield Decoy(Harmless(episode.kind), year.job.subject, carrying[0].heard_at, _later(year, carrying[-1]))
    yield from _rotated(life, machine, year)
    yield from _tested(life, machine, year)
    yield from _unlocked(life, year)
    yield from _ordinary(year)


def _attacked(
    life: Life, machine: MachineYear, year: JobYear, attack: Episode, carrying: list[Ran]
) -> Iterator[Label | Excuse]:
    """Found in the first heartbeat that carries it, or by the third of a creep; a job without figures shows none.

    A creep that ended before a third run carried it tests nothing; what is found of it is right.
    An attack is one, and its alerts are right, though the machine was switched off before any backup carried it.
    """
    aftermath = max([attack.ends, *(ran.heard_at for ran in carrying)]) + 30 * _DAY
    yield Excuse(_AFTERMATH, None, attack.begins, aftermath)
    telling = [ran for ran in carrying if not (ran.figures.bytes_added is None and ran.figures.files_changed is None)]
    kind = Fault(attack.kind)
    allowed = _RUNS_OF_A_CREEP if kind is Fault.CREEPING else 1
    if len(telling) < allowed:
        return
    due, by = (settled(machine.presence, ran.heard_at, life.outages) for ran in (telling[0], telling[allowed - 1]))
    subjects = {year.job.subject, machine.machine.subject, PRACTICE}
    yield label(kind, subjects, {"ransomware_signature"}, due, aftermath, by, attack.begins)


def _empty(life: Life, machine: MachineYear, year: JobYear, carrying: list[Ran]) -> Iterator[Label | Excuse]:
    due = settled(machine.presence, carrying[0].heard_at, life.outages)
    subject = year.job.subject
    over = _later(year, carrying[-1])
    healed = next((ran.heard_at for ran in year.runs if ran.good and ran.number > carrying[-1].number), life.plan.end)
    if due < healed and _could_be_seen(year, carrying[0]):
        yield label(Fault.SILENT_FAILURE, {subject}, {"backup_looks_wrong"}, due, over, max(due, carrying[-1].heard_at))
    yield Excuse(frozenset({"backup_looks_wrong"}), frozenset({subject}), due, over)


def _could_be_seen(year: JobYear, first: Ran) -> bool:
    """Nothing at all is seen at once; almost nothing, or in no time, once some runs have told what is usual."""
    known = sum(ran.good for ran in year.runs if ran.number < first.number)
    return first.figures.bytes_total == 0 or known >= BackupLooksWrong().least_runs


def _later(year: JobYear, ran: Ran) -> datetime:
    """Some runs on, when what was unusual is past."""
    after = [one.heard_at for one in year.runs if one.number > ran.number][:_RUNS_AFTER]
    return max(after, default=ran.heard_at) + timedelta(hours=2)


def _rotated(life: Life, machine: MachineYear, year: JobYear) -> Iterator[Label]:
    """Nobody has changed the medium for more than a week and a day, or it is always the same one."""
    setting, clock = OfflineCopy(), year.job.machine.clock
    others: Rotation | None = None
    for one, after in with_next(year.media.rotations):
        until = after.heard_at if after else life.plan.end
        due = max(one.written_at + clock + setting.rotation, one.heard_at)
        yield from _stopped(life, machine, year, due, until)
        if others and (after is None or after.media_id != one.media_id):
            due = max(others.written_at + clock + setting.same_medium, others.heard_at)
            yield from _stopped(life, machine, year, due, until)
        if after and after.media_id != one.media_id:
            others = one


def _stopped(life: Life, machine: MachineYear, year: JobYear, due: datetime, until: datetime) -> Iterator[Label]:
    due = settled(machine.presence, due, life.outages)
    if due < until:
        yield label(Fault.ROTATION, {year.job.subject}, {"offline_copy"}, due, until)


def _unlocked(life: Life, year: JobYear) -> Iterator[Excuse]:
    """Where no run renews it, a lock runs out: true of a machine that is off, too."""
    if year.job.immutable is None:
        return
    ahead = OfflineCopy().immutable_for
    for ran, after in with_next([one for one in year.runs if one.good]):
        ends, until = ran.ended_at + year.job.immutable - ahead, after.heard_at if after else life.plan.end
        if ends < until:
            yield Excuse(frozenset({"offline_copy"}), frozenset({year.job.subject}), ends - TOLERANCE, until)


def _tested(life: Life, machine: MachineYear, year: JobYear) -> Iterator[Label]:
    every = RestoreTest().every[RestoreLevel.FILE]
    for one, after in with_next(year.tested):
        tests = one.sections.restore_tests
        if not tests or not every:
            continue
        until = after.heard_at if after else life.plan.end
        due = settled(machine.presence, max(tests[0].tested_at + every, one.heard_at), life.outages)
        if due < until:
            yield label(Fault.RESTORE_TEST, {year.job.subject}, {"restore_test"}, due, until)


def _ordinary(year: JobYear) -> Iterator[Decoy]:
    """What happens to every job: warnings, retries, and points that retention removes."""
    subject = year.job.subject
    before: Ran | None = None
    for ran in year.runs:
        if ran.status is RunStatus.WARNING:
            yield Decoy(Harmless.WARNING, subject, ran.heard_at, ran.heard_at + _DAY)
        if before and not before.good and ran.good and ran.began_at - before.ended_at < _DAY / 12:
            yield Decoy(Harmless.RETRY, subject, before.heard_at, ran.heard_at + _DAY / 4)
        if before and ran.repository == before.repository and before.points.count - ran.points.count >= 3:
            yield Decoy(Harmless.PRUNING, subject, ran.heard_at, ran.heard_at + _DAY)
        before = ran
