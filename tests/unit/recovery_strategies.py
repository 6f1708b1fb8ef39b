"""What the rules about recovery read, drawn around their deadlines: copies, proofs, patches, protection."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from hypothesis import strategies as st

from collector.model.heartbeat import (
    Medium,
    PatchSeverity,
    Protection,
    ProtectionMode,
    RestoreLevel,
    RestoreStatus,
    RestoreTest,
)
from collector.model.media import KeptCopy, Shortened
from collector.model.rule_settings import EndpointWithoutBackup, OfflineCopy
from collector.model.snapshot import MissingPatches, PatchState, ProtectionState
from tests.factories import DAY, HOUR, NOW

# Around the defaults of 3, 7, 8, 14, 30, 31 and 92 days.
_ago = st.sampled_from([0, 2, 3, 6, 7, 8, 13, 14, 29, 31, 91, 184]).map(lambda days: NOW - days * DAY)
past = st.tuples(_ago, st.integers(0, 23)).map(lambda drawn: drawn[0] - drawn[1] * HOUR)
_ahead = st.integers(-20, 20).map(lambda days: NOW + days * DAY)


@st.composite
def _copies(draw: st.DrawFn) -> KeptCopy:
    at = draw(past)
    return KeptCopy(
        medium=draw(st.sampled_from(Medium)),
        location=draw(st.sampled_from(["here", "there"])),
        media_id=draw(st.sampled_from([None, "A", "B"])),
        first_at=at,
        listed_at=draw(past),
        renewed_at=draw(past),
        away_at=draw(st.none() | past),
        verified_at=draw(st.none() | past),
        immutable_until=draw(st.none() | _ahead),
        shortened=draw(st.none() | past.map(lambda when: Shortened(at=when, before=NOW + 9 * DAY, after=NOW))),
        deleted_at=draw(st.none() | past),
    )


def kept_copies() -> st.SearchStrategy[Mapping[str, KeptCopy]]:
    return st.dictionaries(st.sampled_from("xyz"), _copies(), max_size=3)


def restore_tests() -> st.SearchStrategy[Mapping[RestoreLevel, RestoreTest]]:
    def proof(level: RestoreLevel, status: RestoreStatus, at: datetime) -> RestoreTest:
        return RestoreTest(job="daily", level=level, status=status, tested_at=at)

    proofs = st.builds(proof, st.sampled_from(RestoreLevel), st.sampled_from(RestoreStatus), past)
    return st.lists(proofs, max_size=2).map(lambda drawn: {one.level: one for one in drawn})


@st.composite
def patch_states(draw: st.DrawFn) -> PatchState:
    missing = st.builds(
        MissingPatches,
        count=st.integers(1, 9),
        oldest_released_at=st.none() | past,
        oldest_seen_at=st.none() | past,
    )
    return PatchState(
        as_of=draw(past),
        scanned_at=draw(past),
        missing=draw(st.dictionaries(st.sampled_from(PatchSeverity), missing, max_size=3)),
        reboot_required_since=draw(st.none() | past),
    )


@st.composite
def protection_states(draw: st.DrawFn) -> ProtectionState:
    product = st.builds(
        Protection,
        product=st.sampled_from("pq"),
        mode=st.sampled_from(ProtectionMode),
        real_time=st.booleans(),
        signatures_at=st.none() | past,
    )
    products = tuple(draw(st.lists(product, max_size=2)))
    return ProtectionState(as_of=draw(past), products=products, since=draw(past), disarmed_at=draw(st.none() | past))


def offline_copy() -> st.SearchStrategy[OfflineCopy]:
    return st.booleans().map(lambda required: OfflineCopy(required=required))


def endpoint_without_backup() -> st.SearchStrategy[EndpointWithoutBackup]:
    return st.sampled_from([timedelta(0), 3 * DAY]).map(lambda after: EndpointWithoutBackup(after=after))
