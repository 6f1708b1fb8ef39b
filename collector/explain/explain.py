"""A practice explained line by line, for somebody who has not read the code."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from cronsim import CronSim

from collector.configuration.hours import write_week
from collector.configuration.rules import Layer, Rulebook, RulesForm, leaves
from collector.configuration.words import say, say_duration
from collector.explain.ahead import Ahead, ahead
from collector.explain.heals import HEALS
from collector.model.finding import Finding, Severity
from collector.model.incident import Incident
from collector.model.placing import placed
from collector.model.policy import Cron, JobPolicy, Policy
from collector.model.rule_settings import RuleSettings
from collector.model.snapshot import Snapshot
from collector.model.subject import PRACTICE, Subject
from collector.rules.deadline import deadline
from collector.rules.jobs import WatchedJob, watched_jobs
from collector.rules.registry import evaluate

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")


class Tone(StrEnum):
    TITLE = "title"
    PLAIN = "plain"
    QUIET = "quiet"
    SET = "set"
    CRITICAL = "critical"
    WARNING = "warning"
    NOTICE = "notice"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Line:
    said: str
    depth: int = 0
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True)
class Version:
    """Which change of the configuration made the policy."""

    number: int
    applied_at: datetime
    applied_by: str
    summary: str


@dataclass(frozen=True)
class Case:
    """What is known of a practice at an instant; `reason` says one in a sentence, `fact` and `trace` name one."""

    snapshot: Snapshot
    policy: Policy
    rules: RulesForm
    version: Version | None
    incidents: Mapping[tuple[str, Subject], Incident]
    reason: Callable[[str], str]
    fact: Callable[[str], str]
    trace: Callable[[str], str]
    now: datetime

    def at(self, instant: datetime) -> str:
        """By the practice's own clock."""
        return f"{instant.astimezone(ZoneInfo(self.policy.zone)):%a %Y-%m-%d %H:%M:%S}"


def explain(case: Case) -> Iterator[Line]:
    policy = placed(case.policy, case.snapshot)
    findings = evaluate(case.snapshot, policy, case.now).findings
    coming = ahead(case.snapshot, policy, case.now)
    yield from _head(case)
    yield from _found(case, policy, findings)
    yield from _jobs(case, policy, findings, coming)
    yield from _others(case, policy, coming)
    yield from _rules(case)


def _head(case: Case) -> Iterator[Line]:
    policy = case.policy
    yield Line(f"{policy.practice}, {case.at(case.now)} ({policy.zone}, as all times below)", tone=Tone.TITLE)
    if case.version:
        version = case.version
        said = f"version {version.number}, {case.at(version.applied_at)}, by {version.applied_by}: {version.summary}"
        yield Line(f"configuration  {said}", 1)
    yield Line(f"labels         {say(policy.labels)}", 1)
    yield Line(f"open           {write_week(policy.calendar.week)}; holidays {policy.calendar.holidays}", 1)
    for closure in policy.calendar.closures:
        yield Line(f"closed         {closure.first} to {closure.last}: {closure.because}", 1)
    if policy.retired_because:
        yield Line(f"retired        {policy.retired_because}: nothing is found any more", 1, Tone.UNKNOWN)


def _found(case: Case, policy: Policy, findings: tuple[Finding, ...]) -> Iterator[Line]:
    yield Line("What is found", tone=Tone.TITLE)
    if not findings:
        yield Line("nothing", 1, Tone.QUIET)
    for one in findings:
        yield from _finding(case, policy, one)


def _finding(case: Case, policy: Policy, found: Finding) -> Iterator[Line]:
    tone = Tone.UNKNOWN if found.grey else Tone(found.severity.value)
    about = _called(found.subject, case.snapshot, policy)
    yield Line(f"{found.severity.upper()}  {about}: {case.reason(f'{found.rule}.{found.reason}')}", 1, tone)
    yield Line(f"rule     {found.rule}: {_asks(found.rule)}", 2)
    yield Line(f"since    {case.at(found.since)}", 2)
    facts = [f"{case.fact(name)}: {_fact(case, name, value)}" for name, value in found.facts.items()]
    yield Line(f"facts    {'; '.join(facts) or 'none'}", 2)
    for line in _set(case, found.rule, found.subject):
        yield Line(f"set to   {line.said}", 2, line.tone)
    incident = case.incidents.get((found.rule, found.subject))
    if incident:
        ticket = f", ticket {incident.ticket_id}" if incident.ticket_id else ", no ticket"
        said = f"{incident.state}, opened {case.at(incident.opened_at)} by version {incident.policy_version}{ticket}"
        yield Line(f"incident {said}", 2)
    if found.grey:
        yield Line(f"grey     {case.reason(found.grey)} Until that changes it opens nothing ({found.grey})", 2)
    if quieted_by := found.inhibited_by or (incident and incident.inhibited_by):
        yield Line(f"quiet    {quieted_by} speaks for it: it is kept and notifies nobody meanwhile", 2)
    if found.severity is Severity.NOTICE:
        yield Line("quiet    a notice is shown and disturbs nobody", 2)
    yield Line(f"heals by {HEALS.get(found.rule, 'a report that says otherwise')}", 2)


def _jobs(case: Case, policy: Policy, findings: tuple[Finding, ...], coming: Ahead) -> Iterator[Line]:
    yield Line("Jobs", tone=Tone.TITLE)
    jobs = sorted(watched_jobs(case.snapshot, policy), key=lambda job: (job.job, str(job.endpoint_id)))
    if not jobs:
        yield Line("none is scheduled, and none was reported: unknown, never green", 1, Tone.UNKNOWN)
    so = {(one.rule, one.subject): one for one in findings}
    for job in jobs:
        yield from _job(case, policy, job, so, coming)


def _job(case: Case, policy: Policy, job: WatchedJob, so: Ahead, coming: Ahead) -> Iterator[Line]:
    yield Line(_called(job.subject, case.snapshot, policy), 1)
    if job.machine and job.state is None:
        yield Line(f"machine  waits for a machine named {job.machine} to report", 2, Tone.UNKNOWN)
    last = job.state.last_run if job.state else None
    good = job.state.last_good if job.state else None
    yield Line(f"last run {f'{case.at(last.finished_at)}, {last.status}' if last else 'never reported'}", 2)
    if good and good != last:
        yield Line(f"good run {case.at(good.finished_at)}", 2)
    if job.policy is None:
        yield Line("schedule never scheduled: nothing can be missed, and it is shown grey until it is", 2, Tone.UNKNOWN)
        return
    yield Line(f"schedule {schedule_in_words(job.policy)}", 2)
    due = deadline(job.policy, job.state, case.snapshot.gaps)
    yield Line(f"next     {case.at(due.slot_at)}", 2)
    for rule, word in (("backup_late", "late"), ("backup_missed", "missed"), ("rpo_breached", "too old")):
        key = (rule, job.subject)
        why = _why(rule, job, policy)
        if found := so.get(key):
            yield Line(f"{word:<8} since {case.at(found.since)}{why}", 2, Tone(found.severity.value))
        elif found := coming.get(key):
            yield Line(f"{word:<8} from {case.at(found.since)}{why}", 2)


def _why(rule: str, job: WatchedJob, policy: Policy) -> str:
    if job.policy is None:
        return ""
    if rule == "backup_missed":
        return f" (grace {say_duration(job.policy.grace)})"
    settings = policy.rules_of(job.subject)
    if rule == "backup_late":
        return f" ({say_duration(settings.backup_late.after)} after its time)"
    rpo = job.policy.rpo or settings.rpo_breached.rpo
    counted = " of open time" if settings.rpo_breached.open_time else ""
    return f" (RPO {say_duration(rpo)}{counted})" if rpo else ""


def schedule_in_words(job: JobPolicy) -> str:
    schedule = job.schedule
    if isinstance(schedule, Cron):
        words = CronSim(schedule.expression, job.since).explain()
        said = f"{words[0].lower()}{words[1:]} in {schedule.zone} (cron {schedule.expression})"
    else:
        said = f"every {say_duration(schedule.period)}, counted from the end of the last run"
    return f"{said}; grace {say_duration(job.grace)}"


def _others(case: Case, policy: Policy, coming: Ahead) -> Iterator[Line]:
    """Deadlines that are not a job's schedule: machines, patches, tests."""
    told = ("backup_late", "backup_missed", "rpo_breached")
    rest = sorted((one for (rule, _), one in coming.items() if rule not in told), key=lambda one: one.since)
    if not rest:
        return
    yield Line("If nothing more were heard", tone=Tone.TITLE)
    for one in rest:
        quiet = f", and {one.inhibited_by} would speak for it" if one.inhibited_by else ""
        about = _called(one.subject, case.snapshot, policy)
        yield Line(f"{case.at(one.since)}  {one.rule} ({one.severity}) about {about}{quiet}", 1)


def _rules(case: Case) -> Iterator[Line]:
    yield Line("Rules", tone=Tone.TITLE)
    for rule in RuleSettings.model_fields:
        off = not case.policy.rules.setting(rule).enabled
        yield Line(f"{rule}: {_asks(rule)}{'  OFF' if off else ''}", 1, Tone.UNKNOWN if off else Tone.PLAIN)
        usual = list(_set(case, rule, PRACTICE))
        yield from usual
        for subject in case.policy.job_rules:
            own = [line for line in _set(case, rule, subject) if line not in usual]
            yield from (Line(f"job {subject.rpartition(':')[2]}: {line.said}", 2, line.tone) for line in own)


def _set(case: Case, rule: str, subject: Subject) -> Iterator[Line]:
    """What is set of a rule for a subject: each value that somebody set with who did, the rest together."""
    kind, _, rest = subject.partition(":")
    layers = Rulebook(case.rules).layers(
        case.policy.practice, case.policy.labels, rest.partition(":")[2] if kind == "job" else None
    )
    usual: list[str] = []
    for way, value in leaves(case.policy.rules_of(subject).setting(rule).model_dump()):
        said_by = _said_by(layers, (rule, *way))
        said = f"{' '.join(way)} {say(value)}"
        if said_by:
            yield Line(f"{said}, by {said_by}", 2, Tone.SET)
        elif way not in _UNSAID:
            usual.append(said)
    if usual:
        yield Line(f"{', '.join(usual)} (as Vigie comes)", 2, Tone.QUIET)


# Where nobody set them they say nothing.
_UNSAID = (("enabled",), ("severity",))


def _said_by(layers: tuple[Layer, ...], way: tuple[str, ...]) -> str | None:
    for layer in reversed(layers):
        if way in (steps for steps, _ in leaves(layer.settings)):
            return layer.said_by
    return None


def _asks(rule: str) -> str:
    return (type(RuleSettings().setting(rule)).__doc__ or "").split("\n")[0]


def _called(subject: Subject, snapshot: Snapshot, policy: Policy) -> str:
    """A subject by the names that people know."""
    kind, _, rest = subject.partition(":")
    machine, _, name = rest.partition(":")
    names = {str(one): state.name for one, state in snapshot.endpoints.items()}
    names |= {str(one): known for one, known in policy.machines.items()}
    on = names.get(machine, machine)
    if kind == "job":
        return f"{name} on {on}" if machine != "-" else f"{name}, on any machine"
    return f"alert {name} on {on}" if kind == "alert" else on if kind == "endpoint" else "the practice"


def _fact(case: Case, name: str, value: str) -> str:
    """Instants by the practice's clock, seconds as lengths, traces by their names, all else as it is."""
    if name == "raised_by":
        return ", ".join(case.trace(one) for one in value.split(", "))
    if name.endswith("_s") and value.isdecimal():
        return say_duration(timedelta(seconds=int(value)))
    return _INSTANT.sub(lambda found: case.at(datetime.fromisoformat(found[0])), value)
