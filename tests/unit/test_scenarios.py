"""Every scenario of the project's own rules holds, and a player that leaps finds what one that looks always finds."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from collector.model.snapshot import Sighting
from collector.rules.registry import RULES
from collector.scenario.life import Life
from collector.scenario.play import Outcome, play
from collector.scenario.reading import read_scenarios
from collector.scenario.story import Story

FOLDER = Path(__file__).parents[1] / "scenarios"
STORIES = {
    f"{path.stem}: {story.name}": story for path in sorted(FOLDER.glob("*.yaml")) for story in read_scenarios(path)
}
# What hangs on signs of life; their instants are the finest.
OF_LIFE = ("heartbeat_missing", "practice_silent", "own_outage", "clock_skew", "heartbeats_lost", "agent_outdated")


def said(outcome: Outcome) -> str:
    """What a person would read."""
    clock = outcome.story.clock
    return "\n".join(
        f"line {look.line}, at {clock.write(look.at)}: {one.what} {one.among}: {one.said}"
        for look in outcome.looks
        for one in look.differences
    )


@pytest.mark.parametrize("name", STORIES)
def test_a_scenario_holds(name: str) -> None:
    outcome = play(STORIES[name])
    assert not outcome.failed, said(outcome)


def test_every_rule_has_scenarios_that_raise_it() -> None:
    raised = {
        expected.form.rule
        for story in STORIES.values()
        for expectation in story.expected
        for some in expectation.lists.values()
        for expected in some
    }
    assert {rule.name for rule in RULES} <= raised


def test_every_rule_is_seen_a_second_before_it_finds() -> None:
    """In a scenario that expects it raised at an instant, somebody looks just before, and nothing is open yet."""
    seen = set()
    for story in STORIES.values():
        looks = {one.at: one for one in story.expected}
        for expectation in story.expected:
            for some in expectation.lists.values():
                for expected in some:
                    before = [at for at in looks if at < expectation.at and (expectation.at - at).total_seconds() == 1]
                    if expected.raised == expectation.at and before:
                        seen.add(expected.form.rule)
    raised_with_others = {"agent_outdated"}  # by what a machine tells alone: its first report has no second before it
    assert {rule.name for rule in RULES} - raised_with_others <= seen


class Watched(Life):
    """Nothing of what will come is known: each look is as far ahead as the last heartbeat allows."""

    def ahead(self, now: datetime) -> Sighting | None:
        return self.sighting(now)


def history(outcome: Outcome) -> list[tuple[object, ...]]:
    return [(one.rule, one.subject, one.severity, one.opened_at, one.resolved_at) for one in outcome.incidents]


@pytest.mark.parametrize("name", [name for name in STORIES if name.startswith(OF_LIFE)])
def test_leaping_over_heartbeats_finds_the_same_in_the_same_second(name: str) -> None:
    story = STORIES[name]
    watched = {key: Watched(life.spans, life.losses) for key, life in story.lives.items()}
    slow: Story = replace(story, lives=watched)
    assert history(play(slow)) == history(play(story))
