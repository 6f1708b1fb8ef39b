"""How long a job's runs usually take."""

from datetime import timedelta
from itertools import islice
from statistics import median

from collector.model.snapshot import JobState

# The median of two is their mean, and one bad night would bend it.
_LEAST_RUNS = 3
# Two weeks of a daily job: data grows, and what runs took in spring says little of autumn.
_MOST_RUNS = 15


def usual_duration(state: JobState) -> timedelta | None:
    """The median of its last good runs, where enough of them were measured."""
    measured = (run.duration_s for run in reversed(state.history) if run.duration_s is not None and run.good)
    lengths = list(islice(measured, _MOST_RUNS))
    return timedelta(seconds=median(lengths)) if len(lengths) >= _LEAST_RUNS else None
