"""A machine's protection against malware is off, looks away, is out of date, or was laid open to being switched off."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from collector.model.finding import Evaluation, Finding, Severity
from collector.model.heartbeat import Protection, ProtectionMode, Role
from collector.model.policy import Policy
from collector.model.rule_settings import ProtectionWeak as Setting
from collector.model.snapshot import EndpointState, ProtectionState, Snapshot
from collector.model.subject import endpoint_subject
from collector.model.value import LATEST, earliest, latest
from collector.rules.endpoints import watched_endpoints
from collector.rules.rule import Rule

NAME = "protection_weak"
# Of what an attacker does before he encrypts: the same at several practices is one attack.
DISARMED = "protection_off"


class _Lack(NamedTuple):
    """A weakness from an instant until another one, or for good."""

    reason: str
    since: datetime
    severity: Severity = Severity.WARNING
    until: datetime = LATEST

    def holds(self, now: datetime) -> bool:
        return self.since <= now < self.until


def check(snapshot: Snapshot, policy: Policy, now: datetime) -> Evaluation:
    findings: list[Finding] = []
    dues: list[datetime | None] = []
    for subject, endpoint in watched_endpoints(snapshot, policy):
        state = endpoint.protection
        if state is None:
            continue  # its column says so
        setting = policy.rules_of(subject).protection_weak
        lacks = tuple(_lacks(state, endpoint.role, setting))
        stale_at = state.as_of + setting.stale
        turns = (stale_at, *(at for one in lacks for at in (one.since, one.until)))
        dues.extend(at for at in turns if now < at < LATEST)
        worst = next((one for one in lacks if one.holds(min(now, stale_at))), None)
        if worst is not None:
            grey = "protection_stale" if stale_at <= now else None
            findings.append(_finding(endpoint, state, worst, grey))
    return Evaluation(findings=tuple(findings), next_due=earliest(dues))


def _lacks(state: ProtectionState, role: Role, setting: Setting) -> Iterator[_Lack]:
    """The worst first."""
    if active := state.active:
        yield from _weak_though_active(state, active, setting)
        return
    since = state.since or state.as_of
    modes = {product.mode for product in state.products}
    if ProtectionMode.ACTIVE in modes:
        yield _Lack(reason="not_real_time", since=since, severity=_grade(role))
    elif ProtectionMode.PASSIVE in modes:
        yield _Lack(reason="passive", since=since)
    elif state.products:
        yield _Lack(reason="off", since=since, severity=_grade(role))
    else:
        yield _Lack(reason="no_product", since=since)


def _grade(role: Role) -> Severity:
    return Severity.CRITICAL if role is Role.SERVER else Severity.WARNING


def _weak_though_active(state: ProtectionState, active: tuple[Protection, ...], setting: Setting) -> Iterator[_Lack]:
    """That it was never guarded against tampering is no finding; that it no longer is, is one."""
    if state.disarmed_at is not None:
        until = state.disarmed_at + setting.disarmed
        yield _Lack(reason="tampering", since=state.disarmed_at, until=until, severity=Severity.CRITICAL)
    newest = latest(product.signatures_at for product in active)
    if newest is not None:
        yield from _outdated(state, newest + setting.signatures)


def _outdated(state: ProtectionState, old_at: datetime) -> Iterator[_Lack]:
    """By the last look alone: a machine that is off gets no signatures, and needs none until it is on again."""
    if state.as_of >= old_at:
        yield _Lack(reason="signatures_old", since=old_at)


def _finding(endpoint: EndpointState, state: ProtectionState, worst: _Lack, grey: str | None) -> Finding:
    subject = endpoint_subject(endpoint.endpoint_id)
    disarmed = state.disarmed_at is not None and worst.reason != "signatures_old"
    return Finding(
        rule=NAME,
        subject=subject,
        root=subject,
        severity=worst.severity,
        reason=worst.reason,
        since=worst.since,
        facts={"endpoint": endpoint.name} | _facts(state),
        grey=grey,
        signature=DISARMED if disarmed else None,
    )


def _facts(state: ProtectionState) -> dict[str, str]:
    """Each product by its mode."""
    names = ((mode, ", ".join(one.product for one in state.products if one.mode is mode)) for mode in ProtectionMode)
    facts = {mode.value: products for mode, products in names if products}
    newest = latest(product.signatures_at for product in state.active)
    return facts | ({"signatures_at": newest.isoformat()} if newest else {})


PROTECTION_WEAK = Rule(NAME, check)
