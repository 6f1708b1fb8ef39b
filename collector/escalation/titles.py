"""What a ticket is called, in the words of the technician who will read it."""

from collections.abc import Mapping

from collector.model.incident import Incident

_TITLES: Mapping[str, str] = {
    "heartbeat_missing": "No heartbeat from {endpoint}",
    "practice_silent": "Nothing is heard of the practice",
    "rpo_breached": "Last good backup too old: {job}{on}",
    "backup_missed": "Backup missed: {job}{on}",
    "backup_missed.never_reported": "Backup never received: {job}{on}",
    "backup_late": "Backup late: {job}{on}",
    "backup_overrunning": "Backup runs unusually long: {job}{on}",
    "backup_failed": "Backup failed: {job}{on}",
    "backup_warning": "Backup keeps ending with warnings: {job}{on}",
    "clock_skew": "Wrong clock on {endpoint}",
    "heartbeats_lost": "Heartbeats of {endpoint} get lost",
    "agent_outdated": "Outdated agent on {endpoint}",
    "backup_looks_wrong": "Backup looks wrong: {job}{on}",
    "ransomware_signature": "Looks like encryption by ransomware: {job}{on}",
    "restore_test": "Restore not proven: {job}{on}",
    "offline_copy": "Copies within reach: {job}{on}",
    "endpoint_without_backup": "Backups and inventory disagree about {endpoint}",
    "patches_overdue": "Updates overdue on {endpoint}",
    "protection_weak": "Weak protection on {endpoint}",
    "endpoint_alert": "{alert}{on}",
    "endpoint_alert.many": "{count} more alerts{on}",
    "campaign": "Campaign at {count} practices: {kind}",
    "own_outage": "Far fewer heartbeats reach us than should",
    "undelivered": "Messages by {channel} were given up",
}


def title(incident: Incident) -> str:
    """By the reason, where that has a title of its own, else by the rule; a rule without one is called by its name."""
    endpoint = incident.facts.get("endpoint")
    words = {
        **incident.facts,
        "kind": incident.facts.get("of") or incident.reason.replace("_", " "),
        "job": incident.facts.get("job", ""),
        "endpoint": endpoint or "",
        "on": f" on {endpoint}" if endpoint else "",
    }
    by_rule = _TITLES.get(incident.rule, f"{incident.rule}{{on}}")
    return _TITLES.get(f"{incident.rule}.{incident.reason}", by_rule).format_map(words)


def chief(incidents: tuple[Incident, ...]) -> Incident:
    """The incident that names the ticket: about the root itself, then the worst, then the oldest."""
    return min(incidents, key=lambda one: (one.subject != one.root, one.severity.rank, one.opened_at, one.subject))
