"""What a ping tells, as it is stored: a run of a backup job, by our own clock."""

from datetime import datetime
from random import SystemRandom
from uuid import UUID

from collector.intake.figures import Figures, read_figures
from collector.intake.ping_url import Action, Ping
from collector.model.heartbeat import Backup, RunStatus
from collector.model.identity import uuid7
from collector.store.intake import Arrival, SectionRow
from collector.store.job_slugs import SlugJob
from collector.store.kept_logs import Log

_random = SystemRandom()
_STATUS = {Action.START: RunStatus.RUNNING, Action.SUCCESS: RunStatus.SUCCESS, Action.FAIL: RunStatus.FAILED}
_BORGMATIC = "borgmatic"


def arrival_of(
    ping: Ping, job: SlugJob, text: str, *, practice_id: UUID, user_agent: str, keep_log: bool, now: datetime
) -> Arrival | None:
    """None where there is nothing to store: a log tells of no run, and what it says is kept for few.

    A run always wakes the worker, a log never does.
    """
    sections: list[SectionRow] = []
    if ping.action is not Action.LOG:
        sections.append(SectionRow("ping", f"[{_run(ping, job.job, text, user_agent, now).model_dump_json()}]"))
    if keep_log and text:
        sections.append(SectionRow("log", Log(job=job.job, action=_said(ping), text=text).model_dump_json()))
    if not sections:
        return None
    return Arrival(
        practice_id=practice_id,
        endpoint_id=job.endpoint_id,
        id=uuid7(now, _random),
        received_at=now,
        sent_at=now,
        skew_s=0,
        sections=tuple(sections),
        material=ping.action is not Action.LOG,
        beat=None,
    )


def _run(ping: Ping, job: str, text: str, user_agent: str, now: datetime) -> Backup:
    status = _STATUS[ping.action]
    figures = read_figures(text) or Figures(_BORGMATIC if user_agent.startswith(_BORGMATIC) else "ping")
    running = status is RunStatus.RUNNING
    return Backup(
        job=job,
        tool=figures.tool,
        run_id=ping.run_id,
        status=status,
        started_at=now if running else None,
        finished_at=None if running else now,
        bytes_total=figures.bytes_total,
        bytes_added=figures.bytes_added,
        files_total=figures.files_total,
        files_changed=figures.files_changed,
        message=f"exit code {ping.exit_code}" if ping.exit_code else None,
    )


def _said(ping: Ping) -> str:
    return ping.action.value if ping.exit_code is None else str(ping.exit_code)
