"""Which part of data and files a run wrote anew: growth taken off, and measured by what there was."""

import pytest

from collector.model.heartbeat import RunStatus
from collector.model.shares import Share, shares_of
from collector.model.snapshot import PastRun
from tests.factories import DAY, NOW


def past(total: int | None, added: int | None, files: int | None = None, changed: int | None = None) -> PastRun:
    return PastRun(NOW, RunStatus.SUCCESS, None, total, added, files, changed)


def last_share(*runs: PastRun) -> Share:
    return shares_of([one._replace(finished_at=NOW + n * DAY) for n, one in enumerate(runs)])[-1]


@pytest.mark.parametrize(
    ("before", "last", "rewritten"),
    [
        (past(100, 1), past(100, 60), 0.6),
        (past(100, 1), past(140, 40), 0.0),
        (past(100, 1), past(140, 80), 0.0),
        (past(100, 1), past(140, 108), 0.2),
        (past(100, 1), past(50, 40), 0.4),
        (past(100, 1), past(0, 0), 0.0),
        (past(None, None), past(100, 60), None),
        (past(100, 1), past(None, 60), 0.6),
        (past(100, 1), past(100, None), None),
        (past(0, 0), past(0, 0), None),
    ],
    ids=[
        "encrypted", "import", "import-with-its-previews", "import-and-more", "compacted", "emptied", "first-figures",
        "no-size", "nothing-told", "never-anything",
    ],
)  # fmt: skip
def test_what_was_rewritten_is_what_growth_does_not_explain(
    before: PastRun, last: PastRun, rewritten: float | None
) -> None:
    assert last_share(before, last).rewritten == rewritten


def test_files_are_measured_as_data_are() -> None:
    assert last_share(past(9, 9, 100, 1), past(9, 9, 120, 60)).changed == pytest.approx(20 / 120)


def test_night_without_most_of_its_data_makes_the_rest_no_larger() -> None:
    """A source was missing: ten of the hundred are left, and five of these are new."""
    assert last_share(past(100, 1), past(10, 1), past(10, 5)).rewritten == 0.05


def test_first_run_has_nothing_to_be_compared_with() -> None:
    assert last_share(past(100, 100, 10, 10)) == Share(None, None, 10)


@pytest.mark.parametrize(("files", "changed", "touched"), [(9, 3, 3), (9, None, 9), (None, None, None)])
def test_files_touched_are_those_changed_or_at_most_all(files: int, changed: int, touched: int) -> None:
    assert last_share(past(100, 1), past(100, 1, files, changed)).touched == touched


def test_files_that_a_run_does_not_tell_of_are_as_many_as_before() -> None:
    assert last_share(past(100, 1, 7, 7), past(100, 50)).touched == 7


@pytest.mark.parametrize(
    ("size", "rewritten"),
    [(100, 0.6), (130, 0.0), (None, 0.6)],
    ids=["nothing-came", "much-came", "nobody-knows"],
)
def test_what_a_run_does_not_tell_has_grown_as_the_other_measure_did(size: int | None, rewritten: float) -> None:
    assert last_share(past(100, 1, 100, 1), past(size, 1, None, 60)).changed == pytest.approx(rewritten)
    assert last_share(past(100, 1, 100, 1), past(None, 60, size, 1)).rewritten == pytest.approx(rewritten)
