"""A story played to its end, and looked at where something is expected."""

from collections.abc import Iterator
from dataclasses import dataclass

from collector.model.incident import Incident
from collector.scenario.expectation import Found, compare, found_of
from collector.scenario.look import Look
from collector.scenario.player import Player
from collector.scenario.stage import endpoint_id
from collector.scenario.story import Story


@dataclass(frozen=True)
class Outcome:
    """`incidents` are all that were raised until the last look, in their order."""

    story: Story
    looks: tuple[Look, ...]
    incidents: tuple[Incident, ...]

    @property
    def failed(self) -> bool:
        return any(look.differences for look in self.looks)

    def history(self) -> Iterator[str]:
        """What was raised, a line each."""
        names, clock = _names(self.story), self.story.clock
        for one in self.incidents:
            over = f"; over {clock.write(one.resolved_at)}" if one.resolved_at else ""
            yield Found.incident(one, names).write(clock) + over


def play(story: Story) -> Outcome:
    stage = story.stage
    player = Player(stage.policy, story.lives, (one.gap for one in stage.outages), stage.clock.start)
    names = _names(story)
    looks: list[Look] = []
    heard = list(reversed(story.heard))
    for expectation in story.expected:
        while heard and heard[-1].at <= expectation.at:
            one = heard.pop()
            player.hear(one.at, one.reports)
        player.play_until(expectation.at)
        found = found_of(player.incidents.values(), player.findings, names)
        looks.append(Look(expectation.at, expectation.line, compare(expectation, found, stage.clock)))
    raised = sorted(player.incidents.values(), key=lambda one: (one.opened_at, one.rule, one.subject))
    return Outcome(story, tuple(looks), tuple(raised))


def _names(story: Story) -> dict[str, str]:
    return {str(endpoint_id(name)): name for name in story.stage.endpoints}
