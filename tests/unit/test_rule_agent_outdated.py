"""Which agents are too old, and how a version is written."""

from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError

from collector.agent.ground.log import AGENT, VERSION
from collector.model.finding import Evaluation, Severity
from collector.model.rule_settings import AgentOutdated, RuleSettings
from collector.model.subject import Subject, endpoint_subject
from collector.rules.agent_outdated import check
from tests.factories import ENDPOINT, MINUTE, NOW, endpoint_state, policy, snapshot

SUBJECT = endpoint_subject(ENDPOINT)
SILENT_AT = NOW + 2 * MINUTE
TICK = timedelta(microseconds=1)


def judged(
    agent: str | None, oldest: str | None, now: datetime = NOW, retired: dict[Subject, str] | None = None
) -> Evaluation:
    configured = policy(rules=RuleSettings(agent_outdated=AgentOutdated(oldest=oldest)), retired=retired or {})
    return check(snapshot([endpoint_state(NOW, agent=agent)]), configured, now)


@pytest.mark.parametrize(
    ("agent", "oldest", "found"),
    [
        ("vigie-agent/1.3.9", "1.4", True),
        ("vigie-agent/1.4", "1.4", False),
        ("vigie-agent/1.4.0", "1.4", False),
        ("vigie-agent/1.4", "1.4.0", False),
        ("vigie-agent/1.4", "1.4.1", True),
        ("vigie-agent/1.9", "1.10", True),
        ("vigie-agent/1.10", "1.9", False),
        ("vigie-agent/2", "1.99.99", False),
        ("vigie-agent/0.9rc1", "1", True),
        ("vigie-agent/1.3", None, False),
        ("vigie-agent", "1.4", False),
        ("other/0.1", "1.4", False),
        ("my vigie-agent/0.1", "1.4", False),
        (None, "1.4", False),
    ],
)
def test_agent_is_outdated_below_the_oldest_good_version(agent: str | None, oldest: str | None, *, found: bool) -> None:
    assert bool(judged(agent, oldest).findings) is found


@pytest.mark.parametrize(("oldest", "found"), [("0", False), (VERSION, False), (f"{VERSION}.1", True)])
def test_agent_of_this_house_is_known_by_its_name(oldest: str, *, found: bool) -> None:
    assert bool(judged(f"{AGENT}/{VERSION}", oldest).findings) is found


@pytest.mark.parametrize("oldest", ["", "v1.4", "1.4-rc1", "1.", ".4", "1..4", "latest", " 1.4", "1.4\n", "9" * 10])
def test_version_that_is_none_is_refused(oldest: str) -> None:
    with pytest.raises(ValidationError):
        AgentOutdated(oldest=oldest)


@pytest.mark.parametrize(
    ("now", "grey"), [(SILENT_AT - TICK, None), (SILENT_AT, "endpoint_silent")], ids=["heard", "silent"]
)
def test_agent_of_a_silent_machine_is_unknown(now: datetime, grey: str | None) -> None:
    told = judged("vigie-agent/1.3", "1.4", now)
    assert [one.grey for one in told.findings] == [grey]
    assert told.next_due == (None if grey else SILENT_AT)


def test_retired_machine_may_have_any_agent() -> None:
    assert judged("vigie-agent/1.3", "1.4", retired={SUBJECT: "replaced"}) == Evaluation()


def test_finding_names_both_versions() -> None:
    (found,) = judged("vigie-agent/1.3", "1.4").findings
    assert (found.subject, found.severity, found.reason) == (SUBJECT, Severity.NOTICE, "old")
    assert found.facts == {"endpoint": "SRV-01", "agent": "vigie-agent/1.3", "oldest": "1.4"}
