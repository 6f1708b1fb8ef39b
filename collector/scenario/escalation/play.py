"""A story of escalation played to its end, and looked at where something is expected."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from collector.scenario.escalation.expectation import Expectation, compare
from collector.scenario.escalation.player import Player
from collector.scenario.escalation.seen import Message, look
from collector.scenario.escalation.stage import Stage
from collector.scenario.look import Look
from collector.scenario.moment import Clock


@dataclass(frozen=True)
class Story:
    name: str
    line: int
    stage: Stage
    expected: tuple[Expectation, ...]

    @property
    def clock(self) -> Clock:
        return self.stage.clock


@dataclass(frozen=True)
class Outcome:
    """`messages` are all that were sent until the last look, in their order."""

    story: Story
    looks: tuple[Look, ...]
    messages: tuple[Message, ...]

    @property
    def failed(self) -> bool:
        return any(one.differences for one in self.looks)

    def history(self) -> Iterator[str]:
        return (f"{one.among}: {one.write(self.story.clock)}" for one in self.messages)


def play(story: Story) -> Outcome:
    player = Player(story.stage)
    looks: list[Look] = []
    since = None
    events = list(reversed(story.stage.events))
    for expectation in story.expected:
        happened = [events.pop() for _ in range(sum(one.at <= expectation.at for one in events))]
        for at, same in groupby(happened, key=lambda one: one.at):
            player.hear(at, tuple(same))
        player.play_until(expectation.at)
        looks.append(Look(expectation.at, expectation.line, compare(expectation, look(player, since), story.clock)))
        since = expectation.at
    return Outcome(story, tuple(looks), tuple(Message.of_sent(one) for one in player.sent))
