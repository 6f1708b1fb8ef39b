"""What an incident walks until somebody has it or it is over: the steps of its policy, and those it has taken."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from collector.model.value import Name, Value

# Repeats are people's phones: more often than this nobody can act.
SHORTEST_REPEAT = timedelta(minutes=1)


class Action(StrEnum):
    """A notification may wait for somebody to look; a page asks somebody to come."""

    TICKET = "ticket"
    NOTIFY = "notify"
    PAGE = "page"


class When(StrEnum):
    """The part of the provider's day in which a step is taken."""

    ALWAYS = "always"
    IN_HOURS = "in_hours"
    AFTER_HOURS = "after_hours"


class Step(Value):
    """What is done how long after the walk began, counted on the clock.

    `to` names a ticket system, or who is told: people, rotas, teams, channels; a ticket without it goes to the
    provider's own ticket system. Outside its part of the day a step is left out, or `waits` for it.
    """

    after: timedelta
    action: Action
    to: tuple[Name, ...] = ()
    repeat: Annotated[timedelta, Field(ge=SHORTEST_REPEAT)] | None = None
    when: When = When.ALWAYS
    waits: bool = False

    @model_validator(mode="after")
    def _knows_whom(self) -> Self:
        if self.action is Action.TICKET and (len(self.to) > 1 or self.repeat):
            raise ValueError("a ticket goes to one ticket system, once")
        if self.action is not Action.TICKET and not self.to:
            raise ValueError(f"{self.action.value} needs to know whom")
        return self


class EscalationPolicy(Value):
    """Copied onto the incident when it opens, so that a later edit cannot rewrite its history."""

    name: Name
    steps: tuple[Step, ...]

    @property
    def actions(self) -> tuple[Action, ...]:
        return tuple(dict.fromkeys(step.action for step in self.steps))

    @model_validator(mode="after")
    def _in_the_order_of_their_time(self) -> Self:
        if list(self.steps) != sorted(self.steps, key=lambda step: step.after):
            raise ValueError("steps must stand in the order of their time")
        return self


class Taken(Value):
    """A step that was taken: its place in the policy, how often, and when last."""

    step: int
    times: int
    at: datetime


class Walk(Value):
    """One way through the policy's steps. What opens, or becomes worse, walks them anew.

    `held_by` says why no step is taken now: `snooze`, `silence:<id>`, or the rule whose incident speaks for it.
    `stopped_at` is since when something, or somebody who has it, keeps its steps back. That time does not count:
    `waited` is how long the walks before this one had run. Once it is milder, `only` such steps are still taken.
    """

    number: int = 1
    began_at: datetime
    waited: timedelta = timedelta(0)
    taken: tuple[Taken, ...] = ()
    held_by: str | None = None
    stopped_at: datetime | None = None
    only: tuple[Action, ...] | None = None

    def reaches(self, step: Step) -> datetime:
        """When it comes to a step; at its beginning, to all that the walks before it had come to."""
        return self.began_at + max(step.after - self.waited, timedelta(0))

    def last(self, step: int) -> Taken | None:
        return next((one for one in self.taken if one.step == step), None)

    def after(self, steps: tuple[int, ...], now: datetime) -> Self:
        """The walk once these steps are taken."""
        if not steps:
            return self
        again = {one: (known.times if (known := self.last(one)) else 0) + 1 for one in steps}
        kept = [one for one in self.taken if one.step not in again]
        new = [Taken(step=step, times=times, at=now) for step, times in again.items()]
        taken = sorted([*kept, *new], key=lambda one: one.step)
        return self.model_copy(update={"taken": tuple(taken)})

    def anew(self, now: datetime) -> Self:
        """From the first step on."""
        return self._next(now, timedelta(0)).model_copy(update={"only": None})

    def resumed(self, now: datetime, *, ran_on: bool = False) -> Self:
        """Whoever was told is told again at once, the others when their time has come; it may have run on meanwhile."""
        until = now if ran_on or self.stopped_at is None else self.stopped_at
        return self._next(now, self.waited + (until - self.began_at))

    def _next(self, now: datetime, waited: timedelta) -> Self:
        fresh = {"number": self.number + 1, "began_at": now, "waited": waited, "taken": ()}
        return self.model_copy(update={**fresh, "held_by": None, "stopped_at": None})
