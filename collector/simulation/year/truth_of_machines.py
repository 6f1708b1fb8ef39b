"""What is true of a practice's machines: when they fell silent, went unprotected, or lacked patches for too long."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from collector.model.heartbeat import Role
from collector.model.rule_settings import PatchesOverdue
from collector.model.subject import PRACTICE
from collector.simulation.year.known import moved, settled
from collector.simulation.year.life import Life, MachineYear
from collector.simulation.year.plan import INTERVAL
from collector.simulation.year.truth import TOLERANCE, Decoy, Episode, Excuse, Fault, Harmless, Label, label

# A person may take a day or two off: two days of eight hours. The default that a provider begins with.
_WORKSTATION_OPEN_TIME = timedelta(hours=16)
_SILENCE = frozenset({"heartbeat_missing", "practice_silent"})
_OFF = timedelta(minutes=15)
_AFTER = timedelta(hours=4)


def truth_of_machine(life: Life, machine: MachineYear) -> Iterator[Label | Excuse | Decoy]:
    yield from _silent(life, machine)
    yield from _unprotected(life, machine)
    yield from _unpatched(life, machine)


def _silent(life: Life, machine: MachineYear) -> Iterator[Label | Excuse | Decoy]:
    stretches = machine.presence.stretches
    holes = [(one.seen_at(one.last), after.first) for one, after in pairwise(stretches)]
    if stretches:
        holes.append((stretches[-1].seen_at(stretches[-1].last), life.plan.end))
    for seen, heard in holes:
        due = _silent_at(life, machine, seen)
        due = settled(machine.presence, due, life.outages) if due else None
        if due and due < heard:
            yield from _fell_silent(life, machine, seen, due, heard)
        if heard - seen > _OFF and machine.machine.role is Role.WORKSTATION:
            yield Decoy(Harmless.MACHINE_OFF, machine.machine.subject, seen, heard + timedelta(hours=2))


def _silent_at(life: Life, machine: MachineYear, seen: datetime) -> datetime | None:
    """Two intervals for what is always on; for a workstation some open hours besides."""
    strict = moved(seen, seen + 2 * INTERVAL, life.outages)
    if machine.machine.role is not Role.WORKSTATION:
        return strict
    apart = [(one.begins, one.ends) for one in life.outages]
    closed = life.opening.after(seen, _WORKSTATION_OPEN_TIME, apart)
    return max(strict, closed) if closed else None


def _fell_silent(
    life: Life, machine: MachineYear, seen: datetime, due: datetime, heard: datetime
) -> Iterator[Label | Excuse]:
    """With all others it is one silence, which the server stands for."""
    common = any(
        one.begins <= due and one.ends > seen
        for one in life.episodes
        if one.kind in (Fault.SILENT_PRACTICE, Harmless.LATE_UPLINK)
    )
    subject = machine.machine.subject
    if not common:
        yield label(Fault.SILENT_MACHINE, {subject}, {"heartbeat_missing"}, due, heard)
    elif machine.machine.role is Role.SERVER:
        yield label(Fault.SILENT_PRACTICE, {subject, PRACTICE}, _SILENCE, due, heard)
    yield Excuse(_SILENCE, frozenset({subject, PRACTICE}), due, heard)


def _unprotected(life: Life, machine: MachineYear) -> Iterator[Label]:
    presence = machine.presence
    for one in _about(life, machine, Fault.PROTECTION_OFF):
        sent, mended = presence.next_beat(one.begins), presence.next_beat(one.ends)
        heard = presence.heard_at(sent) if sent and sent < one.ends else None
        if heard is None or heard >= life.plan.end:
            continue
        until = (presence.heard_at(mended) if mended else None) or life.plan.end
        due = settled(presence, heard, life.outages)
        if due < until:
            yield label(Fault.PROTECTION_OFF, {machine.machine.subject}, {"protection_weak"}, due, until + _AFTER)


def _about(life: Life, machine: MachineYear, kind: Fault) -> list[Episode]:
    return [one for one in life.episodes if one.kind is kind and one.subject == machine.machine.subject]


def _unpatched(life: Life, machine: MachineYear) -> Iterator[Excuse | Decoy]:
    """What was out of time until the scan that no longer shows it: true, and planted by nobody."""
    deadlines = PatchesOverdue().deadline
    subject = frozenset({machine.machine.subject})
    for one in machine.releases:
        rules = frozenset({"patches_overdue"})
        yield Decoy(Harmless.PATCH_DAY, machine.machine.subject, one.released_at, one.rebooted_at + _AFTER, rules)
        allowed = deadlines[one.patch.severity]
        if allowed and one.installed_at > one.released_at + allowed:
            seen = (scan.heard_at for scan in machine.scans if scan.sent_at >= one.installed_at)
            until = next(seen, life.plan.end)
            yield Excuse(frozenset({"patches_overdue"}), subject, one.released_at + allowed - TOLERANCE, until)
