"""What several practices have in common: the signals that are weighed, and the campaign that they make."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Self
from uuid import UUID

from collector.model.escalation import Action
from collector.model.heartbeat import AlertCategory
from collector.model.incident import Incident
from collector.model.subject import Subject
from collector.model.value import Value

# The provider itself, judged as practices are; 0001.tenancy.sql puts it down under this id.
PROVIDER = UUID("00000000-0000-8000-8000-000000000001")
PROVIDER_NAME = "Provider"

CAMPAIGN = "campaign"
OWN_OUTAGE = "own_outage"

# The signatures that rules put on their findings; an alert's and a tool's are made by the functions below.
RANSOMWARE_SIGNATURE = "ransomware_signature"
PROTECTION_OFF = "protection_off"
PRACTICE_SILENT = "practice_silent"
_ALERT = "alert"
_TOOL = "backup_failed"

# As in "restic 0.16.4" and "restic/0.16.4": what fails together seldom has one version.
_VERSION = re.compile(r"[\s/]+v?\d.*$")


def alert_signature(category: AlertCategory, name: str) -> str:
    """The same detection is the same, however its name is spaced and written."""
    return f"{_ALERT}:{category.value}:{' '.join(name.lower().split())}"


def tool_signature(tool: str) -> str:
    return f"{_TOOL}:{tool_name(tool)}"


def tool_name(tool: str) -> str:
    """A backup tool without its version; collector/store/campaigns.py counts by the same name."""
    return _VERSION.sub("", tool.lower())


class Kind(StrEnum):
    """What kind of trouble practices share."""

    RANSOMWARE = "ransomware"
    TAMPERING = "tampering"
    INTRUSION = "intrusion"
    ALERT = "alert"
    BACKUP_TOOL = "backup_tool"
    SILENCE = "silence"
    OTHER = "other"


class Pattern(NamedTuple):
    """What counts as the same trouble; `of` is the name that must be the same too, where one must."""

    kind: Kind
    of: str = ""

    @property
    def subject(self) -> Subject:
        return Subject(f"{CAMPAIGN}:{self.kind.value}:{self.of}" if self.of else f"{CAMPAIGN}:{self.kind.value}")


_WHATEVER_ITS_NAME = {
    AlertCategory.RANSOMWARE.value: Kind.RANSOMWARE,
    AlertCategory.TAMPERING.value: Kind.TAMPERING,
    AlertCategory.INTRUSION.value: Kind.INTRUSION,
}
_PLAIN = {
    RANSOMWARE_SIGNATURE: Kind.RANSOMWARE,
    PROTECTION_OFF: Kind.TAMPERING,
    PRACTICE_SILENT: Kind.SILENCE,
}


def pattern_of(signature: str) -> Pattern:
    """One attack shows in several ways: encryption as an alert here and in a backup there."""
    if signature in _PLAIN:
        return Pattern(_PLAIN[signature])
    head, _, rest = signature.partition(":")
    if head == _TOOL:
        return Pattern(Kind.BACKUP_TOOL, tool_name(rest))
    if head != _ALERT:
        return Pattern(Kind.OTHER, signature)
    kind = _WHATEVER_ITS_NAME.get(rest.partition(":")[0])
    return Pattern(kind) if kind else Pattern(Kind.ALERT, rest)


# For what takes two people to silence, counted from the first of acknowledgements that follow one another: after that
# everybody is told anew, whoever has it.
LONGEST_ALONE = timedelta(days=1)


def needs_two(incident: Incident) -> bool:
    """What one person cannot silence: an attack on many, and encryption anywhere."""
    if incident.rule == CAMPAIGN:
        return True
    return incident.signature is not None and pattern_of(incident.signature).kind is Kind.RANSOMWARE


class Signal(NamedTuple):
    """An incident with a signature: when it happened, when we found it, and whether it lasts.

    `campaign_id` is the campaign that it is known to belong to.
    """

    practice_id: UUID
    practice: str
    signature: str
    since: datetime
    found_at: datetime
    lasts: bool
    watched_since: datetime
    campaign_id: UUID | None = None


class Fleet(Value):
    """How many practices there are, and how many of them ran each backup tool of late, by its name."""

    practices: int
    tools: Mapping[str, int] = {}


class Campaign(Value):
    """One that lasts, as the judging of its practices must know it.

    `one_ticket` is its own, in place of theirs, and so is the page where it `pages`.
    """

    incident_id: UUID
    subject: Subject
    since: datetime
    began_at: datetime
    opened_at: datetime
    one_ticket: bool
    pages: bool

    @classmethod
    def of(cls, incident: Incident) -> Self:
        told_by = {step.action for step in incident.escalation.steps}  # one that is told to nobody speaks for nobody
        return cls(
            incident_id=incident.incident_id,
            subject=incident.subject,
            since=incident.since,
            began_at=datetime.fromisoformat(incident.facts["began_at"]),
            opened_at=incident.found_at,
            one_ticket=incident.facts["tickets"] == "parent" and Action.TICKET in told_by,
            pages=Action.PAGE in told_by,
        )

    def takes(self, since: datetime, found_at: datetime) -> bool:
        """Whether trouble of its pattern belongs to it: what happened since it began, or was found while it lasts."""
        return since >= self.began_at or found_at >= self.opened_at
