"""Every story of escalation holds, the examples' own too; between them they use all that a story can say."""

from pathlib import Path

import pytest

from collector.scenario.escalation.happenings import VERBS
from collector.scenario.escalation.play import Outcome, play
from collector.scenario.escalation.reading import read_scenarios
from collector.scenario.escalation.seen import Among

ROOT = Path(__file__).parents[2]
FILES = [
    *sorted((ROOT / "tests/scenarios/escalation").glob("*.yaml")),
    ROOT / "deploy/examples/escalation-scenarios.yaml",
]
STORIES = {f"{path.stem}: {story.name}": story for path in FILES for story in read_scenarios(path)}


def said(outcome: Outcome) -> str:
    """What a person would read."""
    return "\n".join(
        f"line {look.line}, at {outcome.story.clock.write(look.at)}: {one.what} {one.among}: {one.said}"
        for look in outcome.looks
        for one in look.differences
    )


@pytest.mark.parametrize("name", STORIES)
def test_a_story_holds(name: str) -> None:
    outcome = play(STORIES[name])
    assert not outcome.failed, said(outcome)


def test_every_verb_is_told_somewhere() -> None:
    told = {type(one.event) for story in STORIES.values() for one in story.stage.events}
    assert told == set(VERBS.values())


def test_everything_that_can_be_expected_is() -> None:
    expected = {
        among
        for story in STORIES.values()
        for expectation in story.expected
        for among in Among
        if getattr(expectation.form, among.value)
    }
    assert expected == set(Among)
