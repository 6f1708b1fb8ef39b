"""Values of the configuration as they may be written in a file."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum

from collector.model.duration import write_duration
from collector.model.policy import Cron, JobPolicy, Schedule


def say(value: object) -> str:
    match value:
        case timedelta():
            return say_duration(value)
        case bool():
            return "true" if value else "false"
        case None:
            return "none"
        case StrEnum() | date():
            return str(value)
        case Mapping():
            return ", ".join(f"{say(key)}={say(one)}" for key, one in value.items()) or "none"
        case frozenset():
            return ", ".join(sorted(say(one) for one in value)) or "none"
        case _:
            return str(value)


def say_duration(length: timedelta) -> str:
    """26h is what people agree on, not 1d2h."""
    hours, left = divmod(length, timedelta(hours=1))
    return f"{hours}h" if not left and 24 <= hours < 72 else write_duration(length)


def say_wall(at: datetime) -> str:
    """What a wall clock shows."""
    return f"{at:%Y-%m-%d %H:%M}"


def say_schedule(schedule: Schedule) -> str:
    if isinstance(schedule, Cron):
        return f"cron {schedule.expression} ({schedule.zone})"
    return f"every {say(schedule.period)}"


def say_job(job: JobPolicy) -> str:
    said = f"{say_schedule(job.schedule)}, grace {say(job.grace)}"
    return f"{said}, rpo {say(job.rpo)}" if job.rpo else said


def say_some(names: Iterable[str], most: int = 4) -> str:
    """The first few, and how many more there are."""
    listed = list(names)
    if len(listed) <= most + 1:
        return ", ".join(listed)
    return f"{', '.join(listed[:most])} and {len(listed) - most:,} more"
