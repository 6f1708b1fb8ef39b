"""Whatever comes in whatever order: campaigns hold until they are next looked at."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from collector.model.campaign import Signal
from collector.model.finding import Evaluation
from tests.factories import DAY, MINUTE, NOW
from tests.unit.troubles import RANSOM, TICK, correlated, counts, lasting, signal

SIGNATURES = [RANSOM, "alert:malware:x", "backup_failed:restic", "practice_silent"]
signals_drawn = st.lists(
    st.builds(
        lambda practice, happened, late, signature, lasts: signal(
            practice, NOW - (happened + late) * MINUTE, signature, found_at=NOW - happened * MINUTE, lasts=lasts
        ),
        st.integers(1, 5),
        st.integers(0, 3 * 24 * 60),
        st.sampled_from([0, 1, 600, 3_000]),
        st.sampled_from(SIGNATURES),
        st.booleans(),
    ),
    max_size=14,
)


@given(signals_drawn, st.booleans(), st.floats(0, 1, exclude_max=True))
def test_campaigns_are_constant_until_the_next_due(signals: list[Signal], known: bool, share: float) -> None:
    campaigns = [lasting(NOW - DAY)] if known else []
    told = correlated(signals, lasting=campaigns)
    assert told.next_due is None or told.next_due > NOW
    until = told.next_due or NOW + 30 * DAY
    for at in (until - TICK, NOW + (until - TICK - NOW) * share):
        assert correlated(signals, at, lasting=campaigns).findings == told.findings


@given(signals_drawn, st.randoms(use_true_random=False))
def test_campaigns_do_not_depend_on_the_order_of_signals(signals: list[Signal], random: Random) -> None:
    turned = list(signals)
    random.shuffle(turned)
    assert {one.subject: counts(Evaluation(findings=(one,))) for one in correlated(turned).findings} == {
        one.subject: counts(Evaluation(findings=(one,))) for one in correlated(signals).findings
    }
