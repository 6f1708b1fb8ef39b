"""What a look at a scenario tells, whatever the scenario is about."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from collector.scenario.moment import Clock


class Wrong(StrEnum):
    MISSING = "missing"
    UNEXPECTED = "unexpected"
    DIFFERENT = "different"


@dataclass(frozen=True)
class Difference:
    """`among` is the list of `expect` in which it is wrong."""

    what: Wrong
    among: str
    said: str


@dataclass(frozen=True)
class Look:
    """What differed at one instant; `line` is that of its expectation."""

    at: datetime
    line: int
    differences: tuple[Difference, ...]


class Story(Protocol):
    """A scenario ready to be played."""

    @property
    def name(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def clock(self) -> Clock: ...


class Outcome(Protocol):
    """One that was played; its history is what happened, a line each."""

    @property
    def story(self) -> Story: ...
    @property
    def looks(self) -> Sequence[Look]: ...
    @property
    def failed(self) -> bool: ...
    def history(self) -> Iterator[str]: ...
