"""What a finding is about, spelled as one string: it keys incidents, tickets and states."""

from typing import NewType
from uuid import UUID

Subject = NewType("Subject", str)

_PRACTICE_WIDE = "-"


def endpoint_subject(endpoint_id: UUID) -> Subject:
    return Subject(f"endpoint:{endpoint_id}")


def job_subject(endpoint_id: UUID | None, job: str) -> Subject:
    """A job is (practice, endpoint or none, job name)."""
    return Subject(f"job:{endpoint_id or _PRACTICE_WIDE}:{job}")


def scopes(subject: Subject) -> tuple[Subject, ...]:
    """A subject and what it goes with: a job goes with the practice-wide job of its name, and with its endpoint."""
    kind, _, rest = subject.partition(":")
    if kind != "job":
        return (subject,)
    endpoint, _, job = rest.partition(":")
    return (subject, job_subject(None, job), Subject(f"endpoint:{endpoint}"))
