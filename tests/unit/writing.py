"""Tickets and notices to be written, and the pen for it."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from collector.delivery.written import Pen, Templates
from collector.model.channels import Language
from collector.model.escalation import Action
from collector.model.finding import Severity
from collector.model.incident import IncidentState
from collector.model.message import IncidentLine, Notice, NoticeKind, TicketEvent, TicketMessage
from collector.model.subject import job_subject
from tests.factories import ENDPOINT, HOUR, NOW, PRACTICE, new_id

TICKET = UUID("7d1f3c52-7f43-4a37-9d3c-0d7d64a1c0aa")
LANGUAGES: list[Language] = ["fr", "en"]
ROOT = job_subject(ENDPOINT, "daily")


def line(**more: object) -> IncidentLine:
    fields = {
        "incident_id": new_id(), "rule": "backup_missed", "subject": ROOT, "severity": Severity.CRITICAL,
        "reason": "not_run", "state": IncidentState.OPEN, "since": NOW, "opened_at": NOW, "resolved_at": None,
        "resolution": None, "facts": {"job": "daily", "endpoint": "SRV-01"},
    }  # fmt: skip
    return IncidentLine.model_validate(fields | more)


def over(**more: object) -> IncidentLine:
    return line(state=IncidentState.RESOLVED, resolved_at=NOW + HOUR, **more)


def ticket(*lines: IncidentLine, event: TicketEvent = TicketEvent.OPENED, **more: object) -> TicketMessage:
    fields = {
        "event": event, "ticket_id": TICKET, "sequence": 1, "at": NOW, "practice_id": PRACTICE, "root": ROOT,
        "practice": "Cabinet Dupont", "severity": Severity.CRITICAL, "title": "x", "incidents": lines or (line(),),
    }  # fmt: skip
    return TicketMessage.model_validate(fields | more)


def notice(kind: NoticeKind = NoticeKind.RAISED, **more: object) -> Notice:
    fields = {
        "kind": kind, "action": Action.PAGE, "sequence": 1, "at": NOW, "practice_id": PRACTICE,
        "practice": "Cabinet Dupont", "title": "x", "incident": line(),
    }  # fmt: skip
    return Notice.model_validate(fields | more)


def pen(language: Language = "fr", folder: Path | None = None, failed: Callable[[str], None] = print) -> Pen:
    return Pen(language, "Europe/Paris", "https://vigie.example/", Templates(folder, failed))
