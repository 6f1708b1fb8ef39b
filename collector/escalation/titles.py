"""What a ticket is called."""

from collector.model.incident import Incident
from collector.texts.words import words_in


def title(incident: Incident) -> str:
    """In English, as it is kept; whoever writes a message says it in its reader's language."""
    return words_in("en").title(incident.rule, incident.reason, incident.facts)


def chief(incidents: tuple[Incident, ...]) -> Incident:
    """The incident that names the ticket: about the root itself, then the worst, then the oldest."""
    return min(incidents, key=lambda one: (one.subject != one.root, one.severity.rank, one.opened_at, one.subject))
