"""Nothing is heard of a practice any more: one trouble, which speaks for the silence of each of its machines.

1. Servers, network storage and imaging stations are always expected. Workstations are expected with them if they
   fell silent with them: who was switched off before tells nothing, whatever the hour. A practice of workstations
   alone is never silent by this rule: people who leave early switch all of them off.
2. All of its machines must be silent; a single one that is heard, expected or not, shows that the practice is there.
3. Machines that are cut off together fall silent within an interval of each other. The first ones are held back
   until the last is silent too, or is heard, or would have been due twice.
"""

from collections.abc import Iterable
from datetime import datetime

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.heartbeat import Role
from collector.model.policy import Policy
from collector.model.rule_settings import PracticeSilent
from collector.model.snapshot import EndpointState, Snapshot
from collector.model.subject import PRACTICE, Subject
from collector.model.value import earliest
from collector.rules.endpoints import watched_endpoints
from collector.rules.heartbeat_missing import NAME as HEARTBEAT_MISSING
from collector.rules.liveness import expected_at, grace, last_seen, overdue_at, silent_at
from collector.rules.rule import Rule

NAME = "practice_silent"


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    machines = dict(watched_endpoints(snapshot, policy))
    expected = _expected(machines, snapshot)
    if len(expected) < _setting(policy).least_endpoints:
        return Evaluation()
    since = max(silent_at(one, snapshot.gaps) for one in machines.values())
    if since > now:
        return Evaluation(next_due=since)
    return Evaluation(findings=(_finding(expected, since),))


def _finding(expected: tuple[EndpointState, ...], since: datetime) -> Finding:
    return Finding(
        rule=NAME,
        subject=PRACTICE,
        root=PRACTICE,
        severity=Severity.CRITICAL,
        reason="silent",
        since=since,
        facts={"endpoints": str(len(expected)), "last_seen_at": max(map(last_seen, expected)).isoformat()},
        signature=NAME,
    )


def inhibited(judged: Evaluation, snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    """The findings of all rules, with those about single machines that the practice's own silence speaks for."""
    silence = next((found for found in judged.findings if found.rule == NAME), None)
    if silence is None:
        return _held_back(judged, snapshot, policy, now)
    if silence.grey or silence.severity is Severity.NOTICE:
        return judged  # it is told to nobody
    spoken_for = {"inhibited_by": NAME, "root": PRACTICE}
    findings = (
        found.model_copy(update=spoken_for) if found.rule == HEARTBEAT_MISSING else found for found in judged.findings
    )
    return judged.model_copy(update={"findings": tuple(findings)})


def _held_back(judged: Evaluation, snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    """Those that may be the first of a whole practice: nobody was heard since they fell due."""
    missing = [found for found in judged.findings if found.rule == HEARTBEAT_MISSING]
    setting = _setting(policy)
    if not missing or not setting.enabled or setting.severity is Severity.NOTICE:
        return judged
    machines = dict(watched_endpoints(snapshot, policy))
    if len(_expected(machines, snapshot)) < setting.least_endpoints:
        return judged
    last_expected = max(expected_at(one, snapshot.gaps) for one in machines.values())
    until = {found.subject: found.since + grace(machines[found.subject]) for found in missing}
    held = {found.subject for found in missing if last_expected <= found.since and now < until[found.subject]}
    # One that was on time wakes nobody: looked at again when it would be late.
    looks = [at for one in machines.values() if (at := overdue_at(one, snapshot.gaps)) > now]
    turns = [judged.next_due, *(until[subject] for subject in held), *(looks if held else ())]
    findings = (
        found.model_copy(update={"inhibited_by": NAME}) if found in missing and found.subject in held else found
        for found in judged.findings
    )
    return Evaluation(findings=tuple(findings), next_due=earliest(turns))


def _expected(machines: dict[Subject, EndpointState], snapshot: Snapshot) -> tuple[EndpointState, ...]:
    always = [one for one in machines.values() if one.role is not Role.WORKSTATION]
    if not always:
        return ()
    fell = max(map(last_seen, always))
    return (*always, *_switched_on(machines.values(), fell, snapshot))


def _switched_on(machines: Iterable[EndpointState], at: datetime, snapshot: Snapshot) -> Iterable[EndpointState]:
    return (one for one in machines if one.role is Role.WORKSTATION and overdue_at(one, snapshot.gaps) >= at)


def _setting(policy: Policy) -> PracticeSilent:
    return policy.rules_of(PRACTICE).practice_silent


PRACTICE_SILENT = Rule(NAME, check)
