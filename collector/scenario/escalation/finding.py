"""What a story says is found, as the rules would find it."""

from datetime import datetime

from collector.model.campaign import CAMPAIGN, PRACTICE_SILENT, RANSOMWARE_SIGNATURE, Pattern
from collector.model.finding import Finding
from collector.model.subject import PRACTICE, Subject, alert_subject, endpoint_subject, job_subject
from collector.scenario.escalation.happenings import Campaigned, Found
from collector.scenario.escalation.stage import named_id

# Rules about what befalls many at once; what else has a signature says so.
_SIGNED = frozenset({RANSOMWARE_SIGNATURE, PRACTICE_SILENT})
_NOWHERE = "a machine"


def finding_of(event: Found | Campaigned, at: datetime) -> Finding:
    return _found(event, at) if isinstance(event, Found) else _campaign(event, at)


def _found(event: Found, at: datetime) -> Finding:
    subject = _subject(event)
    # What protection alerts to hangs on its machine (collector/rules/endpoint_alert.py); all else has its own ticket.
    root = endpoint_subject(named_id(event.endpoint or _NOWHERE)) if event.alert else subject
    told = {name: getattr(event, name) for name in ("job", "endpoint", "alert", "channel")}
    return Finding(
        rule=event.found,
        subject=subject,
        root=root,
        severity=event.severity,
        reason=event.reason,
        since=at,
        facts={name: value for name, value in told.items() if value},
        grey=event.grey,
        inhibited_by=event.inhibited_by,
        signature=event.signature or (event.found if event.found in _SIGNED else None),
    )


def _subject(event: Found) -> Subject:
    endpoint = named_id(event.endpoint) if event.endpoint else None
    if event.channel:
        return Subject(f"channel:{event.channel}")
    if event.job:
        return job_subject(endpoint, event.job)
    if event.alert:
        return alert_subject(endpoint or named_id(_NOWHERE), event.alert)
    return endpoint_subject(endpoint) if endpoint else PRACTICE


def _campaign(event: Campaigned, at: datetime) -> Finding:
    subject = Pattern(event.campaign).subject
    others = [f"Cabinet {number}" for number in range(1, event.practices + 1)]
    facts = {
        "count": str(event.practices),
        "practices": "\n".join(others),
        "practice_ids": ",".join(str(named_id(one)) for one in others),
        "began_at": at.isoformat(),
        "last_at": at.isoformat(),
        "tickets": event.tickets,
    }
    return Finding(
        rule=CAMPAIGN, subject=subject, root=subject, severity=event.severity, reason=event.campaign.value, since=at,
        facts=facts,
    )  # fmt: skip
