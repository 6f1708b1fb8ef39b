"""How long a job's runs usually take."""

from datetime import timedelta
from statistics import median

from collector.model.snapshot import JobState

# The median of two is their mean, and one bad night would bend it.
_LEAST_RUNS = 3


def usual_duration(state: JobState) -> timedelta | None:
    """The median of its good runs, where enough of them were measured."""
    lengths = [run.duration_s for run in state.history if run.good and run.duration_s is not None]
    return timedelta(seconds=median(lengths)) if len(lengths) >= _LEAST_RUNS else None
