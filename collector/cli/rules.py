"""Commands about rules: checked without a database, explained for one practice."""

from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.text import Text

from api.language import Language, load_texts
from collector import administer
from collector.administer import Deed
from collector.cli.configuration import FileNames, progress_bar, read_or_refuse, refuse_all
from collector.cli.practices import PracticeName
from collector.cli.trials import rules_backtest, rules_test
from collector.cli.words import act, instant, out, refuse
from collector.configuration.faults import FaultyError
from collector.configuration.read import unknown_names
from collector.evaluate import snapshot_at
from collector.explain.explain import Case, Line, Tone, Version, explain
from collector.store.configuration import applied, policy_at
from collector.store.connect import Connection
from collector.store.incidents import recent_incidents

rules_app = typer.Typer(no_args_is_help=True, help="Rules: what they are set to, and why they find what they find.")
rules_app.command("test")(rules_test)
rules_app.command("backtest")(rules_backtest)


@rules_app.command("check")
def rules_check(files: FileNames) -> None:
    """Find every mistake in files of configuration, without a database; with fleet.yaml, in names too."""
    with progress_bar() as progress:
        read = read_or_refuse(files, progress)
    jobs = {one.practice.name: frozenset(job.name for job in one.practice.jobs) for one in read.practices}
    faults = list(unknown_names(read, jobs)) if read.practices else []
    if faults:
        refuse_all(FaultyError(faults))
    out.print(f"no mistake in {', '.join(file.name for file in files)}", style="green", markup=False)


_STYLES = {
    Tone.TITLE: "bold",
    Tone.PLAIN: "",
    Tone.QUIET: "dim",
    Tone.SET: "cyan",
    Tone.CRITICAL: "bold red",
    Tone.WARNING: "yellow",
    Tone.NOTICE: "blue",
    Tone.UNKNOWN: "bright_black",
}


@rules_app.command("explain")
def rules_explain(
    practice: PracticeName,
    at: Annotated[
        str | None, typer.Option("--at", help="a past instant, by the practice's clock unless it has an offset")
    ] = None,
) -> None:
    """Say what applies to a practice and why, when each deadline falls, and what each finding hangs on."""

    async def do(conn: Connection, deed: Deed) -> list[Line]:
        return list(explain(await _case(conn, practice, at, deed.at)))

    for line in act(do):
        if line.tone is Tone.TITLE:
            out.print()
        out.print(Text(f"{'    ' * line.depth}{line.said}", _STYLES[line.tone]))


async def _case(conn: Connection, wanted: str, at: str | None, now: datetime) -> Case:
    practice = await administer.the_practice(conn, wanted)
    then = _past(at, practice.zone, now) if at else now
    policy = await policy_at(conn, practice.practice_id, then)
    if policy is None:
        refuse(f"{practice.name} was not watched then")
    recent = await recent_incidents(conn, [practice.practice_id], now, timedelta(0))
    lasting = () if at else recent[practice.practice_id]
    made = await applied(conn, policy.version)
    texts = load_texts()[Language.EN]
    return Case(
        snapshot=await snapshot_at(conn, practice.practice_id, then),
        policy=policy,
        rules=await administer.the_rules(conn, then),
        version=Version(policy.version, *made) if made else None,
        incidents={(one.rule, one.subject): one for one in lasting},
        reason=texts.reason,
        fact=lambda name: texts.by_key.get(f"fact.{name}", name.replace("_", " ")),
        trace=lambda name: texts.by_key[f"trace.{name}"],
        now=then,
    )


def _past(written: str, zone: str, now: datetime) -> datetime:
    at = instant(written, zone)
    if at > now:
        refuse("that is still to come; without --at it is said what would be found if nothing more were heard")
    return at
