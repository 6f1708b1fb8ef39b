"""What the rules about figures read, drawn around their thresholds: readings of past runs, levels of the last."""

from hypothesis import strategies as st

from collector.model.reading import Excuse, Level, Levels, Reading
from tests.unit.recovery_strategies import past

_shares = st.sampled_from([0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 1.0])
_figures = st.sampled_from([0.0, 1.0, 50.0, 100.0, 400.0])


@st.composite
def _reading(draw: st.DrawFn) -> Reading:
    return Reading(
        finished_at=draw(past),
        share=draw(_shares),
        usual=draw(st.sampled_from([0.0, 0.1])),
        ceiling=draw(_shares),
        crept=draw(_shares),
        beyond=draw(st.integers(0, 3)),
        alone=draw(st.booleans()),
        known=draw(st.sampled_from([2, 3, 20])),
        each=draw(_shares),
        rewritten=draw(st.none() | _shares),
        changed=draw(st.none() | _shares),
        excuse=draw(st.none() | st.sampled_from(Excuse)),
        points_gone=draw(st.booleans()),
        clean_at=draw(st.none() | past),
    )


@st.composite
def readings(draw: st.DrawFn) -> tuple[Reading, ...]:
    drawn = draw(st.lists(_reading(), max_size=3, unique_by=lambda one: one.finished_at))
    return tuple(sorted(drawn, key=lambda one: one.finished_at))


_level = st.builds(
    Level, value=_figures, usual=_figures, deviation=st.sampled_from([0.0, 30.0]), lately=_figures, low=_figures,
    most=_figures, known=st.sampled_from([0, 4, 5, 39]),
)  # fmt: skip
_points = st.none() | st.sampled_from([1, 30])


def levels() -> st.SearchStrategy[Levels]:
    any_level = st.none() | _level
    return st.builds(
        Levels, finished_at=past, size=any_level, added=any_level, files=any_level, duration=any_level, points=_points,
        points_lately=_points, points_low=_points,
    )  # fmt: skip
