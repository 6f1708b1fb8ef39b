"""When a practice is open: the hours of its week, the public holidays it keeps, and its closures."""

from datetime import date, time
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from collector.model.value import EARLIEST, LATEST, Label, Value


class Holidays(StrEnum):
    """Whose public holidays are kept: France's, or with those of Alsace and Moselle."""

    FRANCE = "FR"
    ALSACE_MOSELLE = "FR-Alsace-Moselle"
    NONE = "none"


class Hours(Value):
    """A stretch of a day in local time; `closes` of midnight is the end of the day."""

    opens: time
    closes: time

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Self:
        if self.closes != time(0) and self.opens >= self.closes:
            raise ValueError(f"opens {self.opens:%H:%M} and closes {self.closes:%H:%M}: it must open before it closes")
        return self


class Closure(Value):
    """Days on which a practice is closed, the last one included."""

    first: date
    last: date
    because: Label = "closed"

    @model_validator(mode="after")
    def _lies_within_reach(self) -> Self:
        if self.first.year < EARLIEST.year or self.last.year > LATEST.year:
            raise ValueError(f"a closure must lie between {EARLIEST.year} and {LATEST.year}")
        return self

    @model_validator(mode="after")
    def _first_is_not_after_last(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"the closure begins on {self.first} and ends before it, on {self.last}")
        return self


_WORKDAY = (Hours(opens=time(8), closes=time(19)),)


class Calendar(Value):
    """`week` holds Monday to Sunday, each with its stretches in order; a day without any is closed."""

    week: Annotated[tuple[tuple[Hours, ...], ...], Field(min_length=7, max_length=7)] = (*(_WORKDAY,) * 5, (), ())
    holidays: Holidays = Holidays.FRANCE
    closures: tuple[Closure, ...] = ()
