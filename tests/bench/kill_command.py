"""The command that kill rounds of any kind are run by: how many, which seed, and progress."""

import argparse
import asyncio
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

from deploy.local import Services, local_services

Outcome = TypeVar("Outcome")
Rounds = Callable[[Services, Path, int, int, Callable[[str], None]], Awaitable[Outcome]]

ROUND_S = 5


def play(
    name: str, about: str | None, rounds: Rounds[Outcome], console: Console, arguments: Sequence[str] | None
) -> Outcome:
    """What came of as many rounds as the arguments ask for; `name` is the module's, `about` its first words."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=about)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None)
    asked = parser.parse_args(arguments)
    seed = secrets.randbelow(10**6) if asked.seed is None else asked.seed
    console.print(f"{asked.rounds} rounds with --seed {seed}: about {asked.rounds * ROUND_S // 60 + 2} minutes")
    with (
        local_services(say=console.print) as services,
        tempfile.TemporaryDirectory() as logs,
        Progress(console=console, transient=True) as progress,
    ):
        task = progress.add_task("rounds", total=asked.rounds)

        def say(line: str) -> None:
            progress.advance(task)
            progress.console.print(line)

        async def run() -> Outcome:
            return await rounds(services, Path(logs), asked.rounds, seed, say)

        return asyncio.run(run())
