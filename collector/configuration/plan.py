"""What applying would do, in words: what is new, what changes from what to what, what stays."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from collector.configuration.compile import Change, Compiled
from collector.configuration.hours import write_week
from collector.configuration.rules import GroupForm, RulesForm, group_name, leaves, matches, written
from collector.configuration.words import say, say_job, say_some
from collector.model.calendar import Calendar, Closure
from collector.model.policy import Contact, Policy
from collector.model.rule_settings import RuleSettings
from collector.model.subject import Subject


class Sign(StrEnum):
    """How a line of a plan begins."""

    NEW = "+"
    CHANGED = "~"
    ENDED = "-"
    SAME = "="
    NOTE = "!"


@dataclass(frozen=True)
class Line:
    sign: Sign
    said: str
    depth: int = 0


# New practices are told one by one as far as anybody reads them.
MOST_NEW = 20


def plan(compiled: Compiled, reported: Mapping[str, frozenset[str]], rules: RulesForm) -> tuple[Line, ...]:
    """`reported` has the names of the machines that each practice's heartbeats brought."""
    new = [change.after for change in compiled.changes if change.before is None]
    lines = [*_new(new), *_changed(compiled.changes), *_waiting(compiled.changes, reported)]
    if compiled.rules is not None:
        lines.append(Line(Sign.CHANGED, "the rules in force, for practices that come later too"))
    lines += [Line(Sign.NOTE, note) for note in notes(rules, [change.after for change in compiled.changes])]
    if compiled.unchanged:
        lines.append(Line(Sign.SAME, f"{_practices(compiled.unchanged)} as the files say already"))
    if compiled.beside and compiled.named:
        lines.append(Line(Sign.SAME, f"{_practices(compiled.beside)} in force that no file names, kept as they are"))
    return tuple(lines)


def _practices(count: int) -> str:
    return f"{count:,} practice{'' if count == 1 else 's'}"


def _new(policies: list[Policy]) -> Iterator[Line]:
    for policy in policies[:MOST_NEW]:
        jobs = say_some(sorted({job.job for job in policy.jobs.values()})) or "no job yet"
        yield Line(Sign.NEW, f"{policy.practice}: {jobs}")
    if len(policies) > MOST_NEW:
        yield Line(Sign.NEW, f"and {_practices(len(policies) - MOST_NEW)} more")


def _changed(changes: tuple[Change, ...]) -> Iterator[Line]:
    """Practices that change in the same way stand together."""
    alike: dict[tuple[Line, ...], list[str]] = {}
    for change in changes:
        if change.before is not None:
            alike.setdefault(tuple(differences(change.before, change.after)), []).append(change.after.practice)
    for lines, names in alike.items():
        head = names[0] if len(names) == 1 else f"{_practices(len(names))}: {say_some(names)}"
        yield Line(Sign.CHANGED, head)
        yield from lines


def _waiting(changes: tuple[Change, ...], reported: Mapping[str, frozenset[str]]) -> Iterator[Line]:
    waits: list[str] = []
    for change in changes:
        named = set(change.after.machines.values()) - set(change.before.machines.values() if change.before else ())
        missing = sorted(named - reported.get(change.after.practice, frozenset()))
        waits += [f"{name} of {change.after.practice}" for name in missing]
    if waits:
        yield Line(Sign.NOTE, f"waits for a machine of this name to report: {say_some(waits)}")


def differences(before: Policy, after: Policy) -> Iterator[Line]:
    """Everything that tells two policies of a practice apart."""
    yield from changed_value("zone", before.zone, after.zone)
    yield from changed_value("customer", before.customer, after.customer)
    yield from changed_value("labels", before.labels, after.labels)
    yield from changed_calendar(before.calendar, after.calendar)
    yield from changed_entries("contact", _contacts(before.contacts), _contacts(after.contacts))
    yield from changed_entries("job", _jobs(before), _jobs(after))
    yield from changed_entries("retired", _retired(before), _retired(after))
    yield from _rules(before, after)


def changed_value(field: str, before: object, after: object) -> Iterator[Line]:
    if before != after:
        yield Line(Sign.CHANGED, f"{field}: {say(before)} → {say(after)}", 1)


def changed_calendar(before: Calendar, after: Calendar) -> Iterator[Line]:
    if before.week != after.week:
        yield Line(Sign.CHANGED, f"open: {write_week(before.week)} → {write_week(after.week)}", 1)
    yield from changed_value("holidays", before.holidays, after.holidays)
    yield from changed_entries("closure", _closures(before.closures), _closures(after.closures))


def changed_entries(what: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Line]:
    for key, said in after.items():
        if key not in before:
            yield Line(Sign.NEW, f"{what} {key}: {said}", 1)
        elif before[key] != said:
            yield Line(Sign.CHANGED, f"{what} {key}: {before[key]} → {said}", 1)
    for key in (key for key in before if key not in after):
        yield Line(Sign.ENDED, f"{what} {key}", 1)


def _contacts(contacts: tuple[Contact, ...]) -> dict[str, str]:
    return {one.name: ", ".join(part for part in (one.mail, one.phone, one.language) if part) for one in contacts}


def _closures(closures: tuple[Closure, ...]) -> dict[str, str]:
    return {f"{one.first} to {one.last}": one.because for one in closures}


def _jobs(policy: Policy) -> dict[str, str]:
    return {_called(job.subject, policy): say_job(job) for job in policy.jobs.values()}


def _retired(policy: Policy) -> dict[str, str]:
    return {_called(subject, policy): because for subject, because in policy.retired.items()}


def _called(subject: Subject, policy: Policy) -> str:
    """A subject by the names that people gave."""
    kind, _, rest = subject.partition(":")
    machine, _, job = rest.partition(":")
    names = {str(stands): name for stands, name in policy.machines.items()}
    on = names.get(machine, machine)
    if kind != "job":
        return on
    return job if on == "-" else f"{job} on {on}"


def _rules(before: Policy, after: Policy) -> Iterator[Line]:
    yield from _settings(before.rules, after.rules)
    for subject in sorted(before.job_rules.keys() | after.job_rules.keys()):
        own = [one.job_rules.get(subject, one.rules) for one in (before, after)]
        said = {line.said for line in _settings(before.rules, after.rules)}
        for line in _settings(own[0], own[1]):
            if line.said not in said:  # the whole practice changes so
                yield Line(line.sign, f"job {_called(subject, after)}: {line.said}", line.depth)


def _settings(before: RuleSettings, after: RuleSettings) -> Iterator[Line]:
    if before == after:
        return
    was = dict(leaves(before.model_dump()))
    for way, value in leaves(after.model_dump()):
        if was.get(way) != value:
            yield Line(Sign.CHANGED, f"{'.'.join(way)}: {say(was.get(way))} → {say(value)}", 1)


def notes(rules: RulesForm, policies: list[Policy]) -> Iterator[str]:
    """Two groups that set the same differently for the same practice: allowed, and worth knowing."""
    sets = [dict(leaves(written(group.rules))) for group in rules.groups]
    for later, group in enumerate(rules.groups):
        for earlier in range(later):
            ways = [way for way in sets[later] if way in sets[earlier] and sets[earlier][way] != sets[later][way]]
            both = _both(rules.groups[earlier], group, policies) if ways else []
            if both:
                yield (
                    f"groups {group_name(rules.groups[earlier])} and {group_name(group)} both set "
                    f"{say_some('.'.join(way) for way in ways)} of {say_some(both)}: the later one wins"
                )


def _both(one: GroupForm, other: GroupForm, policies: list[Policy]) -> list[str]:
    return [policy.practice for policy in policies if matches(one, policy.labels) and matches(other, policy.labels)]
