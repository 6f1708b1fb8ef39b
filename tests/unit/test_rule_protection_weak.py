"""Protection that is off, looks away, is out of date, or was disarmed."""

from datetime import timedelta

import pytest

from collector.model.finding import Finding, Severity
from collector.model.heartbeat import Protection, ProtectionMode, Role
from collector.model.rule_settings import ProtectionWeak
from collector.model.snapshot import EndpointState, ProtectionState
from collector.rules.protection_weak import DISARMED, check
from tests.factories import DAY, HOUR, NOW, endpoint_state, policy, snapshot

TICK = timedelta(microseconds=1)
SET = ProtectionWeak()


def product(mode: str, *, real_time: bool = True, signatures: timedelta | None = None) -> Protection:
    return Protection(
        product=f"{mode} one",
        mode=ProtectionMode(mode),
        real_time=real_time,
        signatures_at=NOW - signatures if signatures is not None else None,
    )


def machine(
    *products: Protection,
    role: Role = Role.SERVER,
    told: timedelta = timedelta(0),
    disarmed: timedelta | None = None,
) -> EndpointState:
    state = ProtectionState(
        as_of=NOW - told,
        products=products,
        since=NOW - 30 * DAY,
        disarmed_at=NOW - disarmed if disarmed is not None else None,
    )
    return endpoint_state(role=role, protection=state)


def found(endpoint: EndpointState) -> Finding | None:
    findings = check(snapshot([endpoint]), policy(), NOW).findings
    return findings[0] if findings else None


WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL
ACTIVE, PASSIVE, OFF = product("active"), product("passive"), product("off")
BLIND = product("active", real_time=False)


@pytest.mark.parametrize(
    ("endpoint", "reason", "severity"),
    [
        (endpoint_state(), None, None),
        (machine(ACTIVE), None, None),
        (machine(ACTIVE, PASSIVE), None, None),
        (machine(ACTIVE, OFF, BLIND), None, None),
        (machine(PASSIVE), "passive", WARNING),
        (machine(PASSIVE, OFF), "passive", WARNING),
        (machine(OFF), "off", CRITICAL),
        (machine(OFF, role=Role.WORKSTATION), "off", WARNING),
        (machine(), "no_product", WARNING),
        (machine(BLIND), "not_real_time", CRITICAL),
        (machine(BLIND, role=Role.WORKSTATION), "not_real_time", WARNING),
        (machine(product("active", signatures=SET.signatures - TICK)), None, None),
        (machine(product("active", signatures=SET.signatures)), "signatures_old", WARNING),
        (machine(product("active", signatures=SET.signatures), product("active", signatures=HOUR)), None, None),
        (machine(ACTIVE, product("passive", signatures=90 * DAY)), None, None),
        (machine(ACTIVE, disarmed=SET.disarmed - TICK), "tampering", CRITICAL),
        (machine(ACTIVE, disarmed=SET.disarmed), None, None),
        (machine(product("active", signatures=9 * DAY), disarmed=DAY, role=Role.WORKSTATION), "tampering", CRITICAL),
    ],
    ids=[
        "never-reported", "active", "passive-beside-active", "others-beside-active", "passive", "passive-and-off",
        "off", "off-on-a-workstation", "none", "blind", "blind-workstation", "signatures-within", "signatures-old",
        "newer-ones-beside", "old-ones-of-the-passive", "laid-open", "laid-open-long-ago", "worst-leads",
    ],
)  # fmt: skip
def test_machine_that_is_weakly_protected_is_found(
    endpoint: EndpointState, reason: str | None, severity: Severity | None
) -> None:
    one = found(endpoint)
    assert ((one.reason, one.severity) if one else (None, None)) == (reason, severity)


@pytest.mark.parametrize(
    ("endpoint", "signature"),
    [
        (machine(OFF, disarmed=DAY), DISARMED),
        (machine(ACTIVE, disarmed=DAY), DISARMED),
        (machine(OFF), None),
        (machine(product("active", signatures=9 * DAY), disarmed=9 * DAY), None),
    ],
    ids=["switched-off", "laid-open", "always-off", "only-out-of-date"],
)
def test_only_what_was_disarmed_looks_like_an_attack(endpoint: EndpointState, signature: str | None) -> None:
    one = found(endpoint)
    assert one is not None
    assert one.signature == signature


@pytest.mark.parametrize(("told", "grey"), [(SET.stale - TICK, None), (SET.stale, "protection_stale")])
def test_what_was_said_too_long_ago_is_grey(told: timedelta, grey: str | None) -> None:
    one = found(machine(OFF, told=told))
    assert one is not None
    assert one.grey == grey


@pytest.mark.parametrize(
    ("told", "is_found"), [(HOUR, True), (HOUR + TICK, False)], ids=["old-then", "not-yet-old-then"]
)
def test_signatures_are_as_old_as_they_were_when_last_looked_at(told: timedelta, *, is_found: bool) -> None:
    endpoint = machine(product("active", signatures=SET.signatures + HOUR), told=told)
    assert bool(found(endpoint)) is is_found


@pytest.mark.parametrize(
    ("endpoint", "due"),
    [
        (machine(ACTIVE), NOW + SET.stale),
        (machine(product("active", signatures=DAY)), NOW + SET.stale),
        (machine(ACTIVE, disarmed=DAY), NOW - DAY + SET.disarmed),
        (machine(OFF, told=SET.stale), None),
    ],
    ids=["stale", "signatures", "no-longer-news", "is-stale"],
)
def test_next_change_is_the_next_to_look_at(endpoint: EndpointState, due: object) -> None:
    assert check(snapshot([endpoint]), policy(), NOW).next_due == due


def test_finding_names_each_product_by_its_mode() -> None:
    one = found(machine(OFF, PASSIVE))
    assert one is not None
    assert one.facts == {"endpoint": "SRV-01", "passive": "passive one", "off": "off one"}
    assert one.since == NOW - 30 * DAY
