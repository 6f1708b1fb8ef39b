"""What ends a finding of each rule, in words."""

from collections.abc import Mapping

HEALS: Mapping[str, str] = {
    "heartbeat_missing": "the machine's next heartbeat, or retiring it",
    "practice_silent": "a heartbeat of any of its machines",
    "backup_missed": "a run that ends, well or badly",
    "backup_late": "a run that ends; past its grace it is missed",
    "backup_overrunning": "the end of the run",
    "backup_failed": "a good run",
    "backup_warning": "a run without warnings",
    "rpo_breached": "a good run",
    "backup_looks_wrong": "a run that looks like those before it; a lasting change becomes usual with time",
    "ransomware_signature": "time alone, since what follows looks normal: look at the machine first",
    "restore_test": "a restore test of this level that goes well",
    "offline_copy": "a newer copy that is offline, or immutable for long enough",
    "endpoint_without_backup": "a run of a backup job of this machine, or retiring it",
    "patches_overdue": "a scan that no longer misses the updates, after the restart where one is pending",
    "protection_weak": "a report of active protection with fresh signatures",
    "endpoint_alert": "a report that the alert is remediated or dismissed",
    "clock_skew": "a heartbeat with the clock set right",
    "heartbeats_lost": "a day without holes",
    "agent_outdated": "a heartbeat of a newer agent",
    "campaign": "the end of the trouble at so many practices that too few are left",
    "own_outage": "our being back, and the time for catching up",
    "undelivered": "every message that was given up sent after all ('vigie outbox retry'), or dropped",
}
