"""What the figures of a job's runs say, measured against the runs before, whatever the settings of a rule."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Excuse(StrEnum):
    """Why a run may store everything anew without anything being wrong."""

    TOOL = "tool"  # another version may cut and name the data otherwise
    REPOSITORY = "repository"  # a new place has nothing yet
    RESTARTED = "restarted"  # all older restore points are gone: a new place under the old name
    PAUSE = "pause"  # the first run after weeks is often a full
    HABIT = "habit"  # such a run comes each week or month


class Reading(NamedTuple):
    """A run that wrote anew more than ordinary ones do. Shares are of all files and of all data.

    `share` is the part that was touched by both measures, what was merely added apart; `alone` says that one of them
    was not to be had. `usual` is a typical run's, and ordinary ones stay below `ceiling`. Of the last three runs that
    tell, `crept` sums what they wrote beyond the usual, `each` is what the calmest of them did, and `beyond` counts
    those out of the ordinary, back from this one without a break. `points_gone` says that most restore points went
    with it. `clean_at` is the last ordinary run before. `files_untold` says that there are files, and not how many of
    them changed.
    """

    finished_at: datetime
    share: float
    usual: float
    ceiling: float
    crept: float
    beyond: int
    alone: bool
    known: int
    rewritten: float | None
    changed: float | None
    excuse: Excuse | None
    points_gone: bool
    clean_at: datetime | None
    files_untold: bool = False
    each: float = 0.0


class Level(NamedTuple):
    """A figure of the last good run beside those before it, in its own unit.

    `usual` is their median, or that of the same weekday where this is nearer; `deviation` is robust; `lately` is the
    median of the last five; `low` is what four fifths of them exceed, `most` the largest.
    """

    value: float
    usual: float
    deviation: float
    lately: float
    low: float
    most: float
    known: int


class Levels(NamedTuple):
    """The figures of the last good run. `points` is the most restore points that the job had in its present place,
    `points_lately` the most of the last five runs before, `points_low` the fewest until then.
    """

    finished_at: datetime
    size: Level | None = None
    added: Level | None = None
    files: Level | None = None
    duration: Level | None = None
    points: int | None = None
    points_lately: int | None = None
    points_low: int | None = None
