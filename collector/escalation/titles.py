"""What a ticket is called, in the words of the technician who will read it."""

from collections.abc import Mapping

from collector.model.incident import Incident

_TITLES: Mapping[str, str] = {
    "heartbeat_missing": "No heartbeat from {endpoint}",
    "backup_missed": "Backup missed: {job}{on}",
    "backup_failed": "Backup failed: {job}{on}",
}


def title(incident: Incident) -> str:
    """A rule without a title of its own is called by its name."""
    endpoint = incident.facts.get("endpoint")
    words = {
        "job": incident.facts.get("job", ""),
        "endpoint": endpoint or "",
        "on": f" on {endpoint}" if endpoint else "",
    }
    return _TITLES.get(incident.rule, f"{incident.rule}{{on}}").format_map(words)


def chief(incidents: tuple[Incident, ...]) -> Incident:
    """The incident that names the ticket: about the root itself, then the worst, then the oldest."""
    return min(incidents, key=lambda one: (one.subject != one.root, one.severity.rank, one.opened_at, one.subject))
