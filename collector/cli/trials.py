"""Commands that try rules before they page anybody: on scenarios, and on history."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from collector.cli.backtests import run_backtest
from collector.cli.configuration import progress_bar, read_or_refuse
from collector.cli.scenarios import Trial, run_scenarios
from collector.cli.words import duration, refuse
from collector.configuration.rules import Rulebook
from collector.scenario.escalation.play import play as play_escalation
from collector.scenario.escalation.reading import read_scenarios as read_escalation
from collector.scenario.play import play
from collector.scenario.reading import read_scenarios

# Long enough to hold holidays and a few bad weeks, short enough to be played in minutes.
A_QUARTER = timedelta(days=90)

ScenarioFiles = Annotated[list[Path], typer.Argument(help="scenario files, or folders of them", metavar="FILE...")]
AsJson = Annotated[bool, typer.Option("--json", help="for programs")]


def rules_test(
    files: ScenarioFiles,
    trace: Annotated[bool, typer.Option("--trace", help="tell what was raised, of those that hold too")] = False,
    as_json: AsJson = False,
) -> None:
    """Play scenarios, and compare what is open with what is expected; ends with 1 if one does not hold."""
    trial = Trial(read_scenarios, play, "what was raised")
    raise typer.Exit(run_scenarios(trial, files, trace=trace, as_json=as_json))


def rules_backtest(
    rules: Annotated[Path, typer.Option("--rules", help="the rules.yaml to try", metavar="FILE")],
    since: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="DURATION", help="how far back; 90d unless set"),
    ] = None,
    practice: Annotated[
        str | None, typer.Option("--practice", help="one practice's name or id; without it, all")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Play stored history again, and print what other rules would have raised, and how that differs from what was."""
    with progress_bar() as progress:
        read = read_or_refuse([rules], progress)
    if read.rules is None:
        refuse(f"{rules} says nothing about rules")
    run_backtest(Rulebook(read.rules), since or A_QUARTER, practice, as_json=as_json)


def escalation_test(
    files: ScenarioFiles,
    trace: Annotated[bool, typer.Option("--trace", help="tell what was sent, of those that hold too")] = False,
    as_json: AsJson = False,
) -> None:
    """Play stories of incidents, and compare who is told with what is expected; ends with 1 if one does not hold."""
    trial = Trial(read_escalation, play_escalation, "what was sent")
    raise typer.Exit(run_scenarios(trial, files, trace=trace, as_json=as_json))
