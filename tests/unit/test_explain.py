"""What is said of one practice: who keeps a finding quiet, as an incident of it knows."""

import pytest

from collector.configuration.rules import RulesForm
from collector.explain.explain import Case, explain
from collector.model.heartbeat import RunStatus
from tests.factories import DAY, HOUR, NOW, finding, incident, job_policy, job_state, policy, run, snapshot
from tests.unit.test_rule_patches_overdue import machine

FAILED = finding("backup_failed", reason="failed")


@pytest.mark.parametrize("speaker", [None, "campaign"])
def test_a_finding_that_a_campaign_speaks_for_says_so(speaker: str | None) -> None:
    configured = policy([job_policy()])
    known = incident(FAILED.model_copy(update={"inhibited_by": speaker}))
    case = Case(
        snapshot=snapshot(jobs=[job_state(last_run=run(NOW, RunStatus.FAILED))]),
        policy=configured,
        rules=RulesForm(),
        version=None,
        incidents={(known.rule, known.subject): known},
        reason=str,
        fact=str,
        trace=str,
        now=NOW,
    )
    said = [line.said for line in explain(case)]
    assert any("backup_failed.failed" in line for line in said)
    assert [line for line in said if "speaks for it" in line] == (
        [f"quiet    {speaker} speaks for it: it is kept and notifies nobody meanwhile"] if speaker else []
    )


def test_what_is_grey_says_why_in_words() -> None:
    """A machine that is off has patches that fell due since: that is no outage of ours."""
    off = machine(heard=2 * HOUR, critical=14 * DAY + HOUR)
    case = Case(
        snapshot=snapshot([off]),
        policy=policy(),
        rules=RulesForm(),
        version=None,
        incidents={},
        reason=lambda code: {"endpoint_silent": "The machine is silent."}.get(code, code),
        fact=str.upper,
        trace=str.upper,
        now=NOW,
    )
    said = [line.said for line in explain(case)]
    assert "grey     The machine is silent. Until that changes it opens nothing (endpoint_silent)" in said
    assert any("ENDPOINT: SRV-01; CRITICAL: " in line for line in said)
