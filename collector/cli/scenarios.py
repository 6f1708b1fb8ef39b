"""Scenarios played on the command line: which held, and of the others what was expected and what was so."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from rich.progress import Progress
from rich.text import Text

from collector.cli.words import err, out
from collector.configuration.faults import Fault, FaultyError
from collector.scenario.look import Look, Outcome, Story, Wrong

_MARKS = {
    Wrong.MISSING: ("- missing   ", "red"),
    Wrong.UNEXPECTED: ("+ unexpected", "green"),
    Wrong.DIFFERENT: ("~ different ", "yellow"),
}


Told = TypeVar("Told", bound=Story)


@dataclass(frozen=True)
class Trial(Generic[Told]):
    """A kind of scenario: how its files are read and played, and what its history tells of."""

    read: Callable[[Path], Sequence[Told]]
    play: Callable[[Told], Outcome]
    history: str


@dataclass(frozen=True)
class Played:
    path: Path
    outcome: Outcome


def run_scenarios(trial: Trial[Told], paths: Sequence[Path], *, trace: bool, as_json: bool) -> int:
    """0 if all held, 1 if one did not, 2 if a file cannot be played."""
    stories: list[tuple[Path, Told]] = []
    faults: list[Fault] = []
    for path in _files(paths):
        try:
            stories += [(path, story) for story in trial.read(path)]
        except FaultyError as error:
            faults += error.faults
    if faults or not stories:
        for said in map(str, faults) if faults else ["there is no scenario in what was named"]:
            err.print(f"vigie: {said}", style="red", markup=False)
        return 2
    played = list(_played(trial, stories))
    if as_json:
        out.print(json.dumps([_data(one) for one in played], indent=2), markup=False)
    else:
        _tell(played, trial.history, trace=trace)
    return int(any(one.outcome.failed for one in played))


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]


def _played(trial: Trial[Told], stories: Sequence[tuple[Path, Told]]) -> Iterator[Played]:
    with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
        for path, story in progress.track(stories, description="scenarios"):
            yield Played(path, trial.play(story))


def _tell(played: Sequence[Played], history: str, *, trace: bool) -> None:
    path: Path | None = None
    for one in played:
        if one.path != path:
            path = one.path
            out.print(f"{path}", style="bold", markup=False)
        _tell_one(one, history, trace=trace)
    failed = sum(one.outcome.failed for one in played)
    counted = f"{len(played)} scenario{'s' if len(played) != 1 else ''}"
    out.print(f"{counted}: {failed} failed" if failed else f"{counted}: all hold", style="red" if failed else "green")


def _tell_one(one: Played, history: str, *, trace: bool) -> None:
    story = one.outcome.story
    failed = one.outcome.failed
    mark = Text("  FAIL  ", "red") if failed else Text("  ok    ", "green")
    out.print(mark + Text(story.name) + Text(f"  {one.path}:{story.line}" if failed else "", "dim"))
    for look in one.outcome.looks:
        if look.differences:
            _tell_look(look, story)
    if failed or trace:
        _tell_history(one.outcome, history)


def _tell_look(look: Look, story: Story) -> None:
    out.print(f"        at {story.clock.write(look.at)}, line {look.line}:", markup=False)
    for difference in look.differences:
        mark, style = _MARKS[difference.what]
        standing = "" if difference.among == "open" else f"{difference.among} "
        out.print(Text(f"          {mark}  ", style) + Text(f"{standing}{difference.said}"))


def _tell_history(outcome: Outcome, title: str) -> None:
    lines = [f"          {line}" for line in outcome.history()]
    out.print(Text("\n".join([f"        {title}:", *(lines or ["          nothing"])]), "dim"))


def _data(one: Played) -> dict[str, object]:
    story = one.outcome.story
    wrong = [
        {
            "at": look.at.isoformat(),
            "line": look.line,
            "what": difference.what,
            "list": difference.among,
            "said": difference.said,
        }
        for look in one.outcome.looks
        for difference in look.differences
    ]
    return {"file": str(one.path), "line": story.line, "scenario": story.name, "holds": not wrong, "wrong": wrong}
