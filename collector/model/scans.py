"""What is remembered of a machine's patches and protection beyond its last scan."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from collector.model.heartbeat import MissingPatch, Patches, PatchSeverity, Protection, ProtectionMode
from collector.model.report import Report
from collector.model.snapshot import MissingPatches, PatchState, ProtectionState, UndatedPatches
from collector.model.value import earliest

# Of one machine, the longest missing first: a distribution's worst month. Beyond it a patch counts from later on.
MOST_UNDATED = 300


def patch_state(known: PatchState | None, patches: Patches, report: Report) -> PatchState:
    """The figures of a scan; a patch whose release nobody knows counts from when it was first seen missing."""
    by_severity: defaultdict[PatchSeverity, list[MissingPatch]] = defaultdict(list)
    for patch in patches.missing:
        by_severity[patch.severity].append(patch)
    first_seen = _first_seen(known, patches, report)
    reboot = patches.reboot_required_since
    return PatchState(
        as_of=report.as_of,
        scanned_at=report.ours(patches.scanned_at),
        missing={severity: _figures(some, first_seen) for severity, some in by_severity.items()},
        undated=_grouped(first_seen),
        last_installed_at=report.ours(patches.last_installed_at) if patches.last_installed_at else None,
        reboot_required_since=report.ours(reboot) if reboot else None,
    )


def _first_seen(known: PatchState | None, patches: Patches, report: Report) -> dict[str, datetime]:
    """Of each patch without a date that is missing now."""
    before = {patch: group.since for group in known.undated for patch in group.ids} if known else {}
    now = report.ours(patches.scanned_at)
    undated = {patch.id: before.get(patch.id, now) for patch in patches.missing if patch.released_at is None}
    oldest = sorted(undated.items(), key=lambda one: (one[1], one[0]))[:MOST_UNDATED]
    return dict(oldest)


def _grouped(first_seen: dict[str, datetime]) -> tuple[UndatedPatches, ...]:
    """Patches come in batches: one date for each batch."""
    groups: defaultdict[datetime, list[str]] = defaultdict(list)
    for patch, since in first_seen.items():
        groups[since].append(patch)
    return tuple(UndatedPatches(since=since, ids=tuple(ids)) for since, ids in groups.items())


def _figures(missing: Sequence[MissingPatch], first_seen: dict[str, datetime]) -> MissingPatches:
    return MissingPatches(
        count=len(missing),
        oldest_released_at=earliest(one.released_at for one in missing),
        oldest_seen_at=earliest(first_seen.get(one.id) for one in missing),
    )


def protection_state(
    known: ProtectionState | None, products: tuple[Protection, ...], report: Report
) -> ProtectionState:
    """What protects now, since when, and when it was last disarmed: switched off, or laid open to being so."""
    seen = tuple(_by_our_clock(one, report) for one in products)
    state = ProtectionState(as_of=report.as_of, products=seen, since=report.as_of)
    if known is None:
        return state
    off = known.mode is ProtectionMode.ACTIVE and state.mode is not ProtectionMode.ACTIVE
    opened = _guarded(known) & {one.product for one in state.active if one.tamper_protected is False}
    return state.model_copy(
        update={
            "since": known.since if known.mode is state.mode else report.as_of,
            "disarmed_at": report.as_of if off or opened else _still_disarmed(known, state),
        }
    )


def _by_our_clock(product: Protection, report: Report) -> Protection:
    at = product.signatures_at
    return product.model_copy(update={"signatures_at": report.ours(at)}) if at else product


def _still_disarmed(known: ProtectionState, state: ProtectionState) -> datetime | None:
    """Until everything that protects is guarded against tampering again, as far as it says."""
    armed = state.mode is ProtectionMode.ACTIVE and all(one.tamper_protected is not False for one in state.active)
    return None if armed else known.disarmed_at


def _guarded(state: ProtectionState) -> set[str]:
    return {one.product for one in state.active if one.tamper_protected}
