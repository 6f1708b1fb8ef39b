"""What a machine lacks in patches, day after day, and how it is protected."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from collector.model.heartbeat import MissingPatch, Patches, PatchSeverity
from collector.simulation.year.chance import Chance
from collector.simulation.year.opening import UTC_ZONE, local_instant
from collector.simulation.year.plan import PracticePlan
from collector.simulation.year.presence import Presence

_DAY = timedelta(days=1)
_TUESDAY = 1


@dataclass(frozen=True)
class Release:
    """One patch and when this machine installed it."""

    patch: MissingPatch
    released_at: datetime
    installed_at: datetime
    rebooted_at: datetime


def releases(chance: Chance, plan: PracticePlan, presence: Presence) -> list[Release]:
    """Microsoft's second Tuesday of each month: one critical, two important, sometimes a moderate."""
    result = []
    for year in range(plan.begin.year - 1, plan.end.year + 1):
        for month in range(1, 13):
            at = local_instant(patch_day(year, month), time(18), UTC_ZONE)
            if plan.begin - 40 * _DAY < at < plan.end:
                result += _month(chance, plan, presence, at)
    return result


def patch_day(year: int, month: int) -> date:
    first = date(year, month, 1)
    return first + _DAY * ((_TUESDAY - first.weekday()) % 7 + 7)


def _month(chance: Chance, plan: PracticePlan, presence: Presence, at: datetime) -> list[Release]:
    """Most wait some days to see whether others suffer; a machine that is off installs when it is on again."""
    wanted = at + min(11.0, chance.around(5, 0.4)) * _DAY
    installed = wanted if wanted < plan.begin else presence.next_beat(wanted) or plan.end
    installed = installed.replace(microsecond=0)
    rebooted = installed + chance.between(0, 3) * _DAY
    severities = [PatchSeverity.CRITICAL, PatchSeverity.IMPORTANT, PatchSeverity.IMPORTANT]
    severities += [PatchSeverity.MODERATE] if chance.happens(0.5) else []
    return [
        Release(MissingPatch(id=f"KB{at:%y%m}{number:03}", severity=severity, released_at=at), at, installed, rebooted)
        for number, severity in enumerate(severities)
    ]


def scan(known: list[Release], at: datetime, clock: timedelta) -> Patches:
    """What a scan at an instant shows; patches are listed a day after their release."""
    missing = tuple(one.patch for one in known if one.released_at + _DAY <= at < one.installed_at)
    installed = sorted(one.installed_at for one in known if one.installed_at <= at)
    pending = [one.installed_at for one in known if one.installed_at <= at < one.rebooted_at]
    return Patches(
        scanned_at=at + clock,
        missing=missing,
        last_installed_at=installed[bisect_right(installed, at) - 1] if installed else None,
        reboot_required_since=min(pending, default=None),
    )
