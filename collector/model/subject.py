"""What a finding is about, spelled as one string: it keys incidents, tickets and states."""

from typing import NewType
from uuid import UUID

Subject = NewType("Subject", str)

_PRACTICE_WIDE = "-"


PRACTICE = Subject("practice")


def endpoint_subject(endpoint_id: UUID) -> Subject:
    return Subject(f"endpoint:{endpoint_id}")


def job_subject(endpoint_id: UUID | None, job: str) -> Subject:
    """A job is (practice, endpoint or none, job name)."""
    return Subject(f"job:{endpoint_id or _PRACTICE_WIDE}:{job}")


def alert_subject(endpoint_id: UUID, alert_id: str) -> Subject:
    return Subject(f"alert:{endpoint_id}:{alert_id}")


def scopes(subject: Subject) -> tuple[Subject, ...]:
    """A subject and what it goes with: an alert with its endpoint, a job with the practice-wide job of its name too."""
    kind, _, rest = subject.partition(":")
    endpoint, _, name = rest.partition(":")
    if kind == "job":
        return (subject, job_subject(None, name), Subject(f"endpoint:{endpoint}"))
    return (subject, Subject(f"endpoint:{endpoint}")) if kind == "alert" else (subject,)
