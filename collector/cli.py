"""The command line: it knows every room, and says what went wrong in a sentence."""

import asyncio
import getpass
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer
import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

import api.app
import collector.intake.app
import collector.worker
from collector import administer
from collector.administer import Deed, NotDoneError
from collector.agent import main as agent_main
from collector.config import Settings, SettingsError, read_settings
from collector.logs import configure_logs
from collector.model.heartbeat import Heartbeat
from collector.model.policy import DEFAULT_GRACE, Cron, Every, JobPolicy, Schedule
from collector.store.connect import AWAY, Connection, StoreAwayError, connect
from collector.store.migrate import apply_migrations, prepare
from collector.store.practices import list_practices

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Vigie: the lookout of an IT provider.",
)
practice_app = typer.Typer(no_args_is_help=True, help="Practices: enrol, list, retire.")
key_app = typer.Typer(no_args_is_help=True, help="Keys that practices report with.")
job_app = typer.Typer(no_args_is_help=True, help="Backup jobs: when each must run.")
endpoint_app = typer.Typer(no_args_is_help=True, help="Machines of a practice.")
operator_app = typer.Typer(no_args_is_help=True, help="The provider's people and their tokens.")
app.add_typer(practice_app, name="practice")
app.add_typer(key_app, name="key")
app.add_typer(job_app, name="job")
app.add_typer(endpoint_app, name="endpoint")
app.add_typer(operator_app, name="operator")

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Result = TypeVar("Result")
PracticeName = Annotated[str, typer.Argument(help="the practice's name or id", metavar="PRACTICE")]
Because = Annotated[str, typer.Option("--because", help="the reason, shown with what closes")]
OnEndpoint = Annotated[
    str | None, typer.Option("--endpoint", help="one machine's name or id; without it, every machine's")
]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def refuse(message: str) -> NoReturn:
    err.print(f"vigie: {message}", style="red", markup=False)
    raise typer.Exit(2)


def settings() -> Settings:
    try:
        return read_settings()
    except SettingsError as error:
        refuse(str(error))


def act(do: Callable[[Connection, Deed], Awaitable[Result]]) -> Result:
    """Do something to the database as its owner, in the name of whoever is at the keyboard."""
    url = settings().database_url.get_secret_value()

    async def connected() -> Result:
        conn = await connect(url)
        try:
            return await do(conn, Deed(actor=f"cli:{getpass.getuser()}", at=datetime.now(UTC)))
        finally:
            await conn.close()

    try:
        return asyncio.run(connected())
    except (NotDoneError, StoreAwayError) as error:
        refuse(str(error))
    except AWAY as error:
        refuse(f"the database is not ready ({error or type(error).__name__}); has 'vigie migrate' been run?")


def duration(text: str) -> timedelta:
    """A duration as people write it: 90s, 15m, 24h, 7d, or several of them, 1h30m."""
    parts = re.findall(r"(\d+)([smhdw])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise typer.BadParameter(f"{text!r}: write it as 90s, 15m, 24h, 7d or 1h30m")
    try:
        return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta(0))
    except OverflowError:
        raise typer.BadParameter(f"{text!r} is longer than any calendar") from None


Duration = Annotated[timedelta | None, typer.Option(parser=duration, metavar="DURATION")]


def serve(create: Callable[[Settings], FastAPI], port: Callable[[Settings], int]) -> None:
    """Run one of the processes until it is told to stop."""
    read = settings()
    configure_logs(read.log_format)
    uvicorn.run(create(read), host=read.host, port=port(read), log_level="warning", access_log=False)


@app.command("collector")
def collector_() -> None:
    """Run the collector: takes heartbeats."""
    serve(collector.intake.app.create_app, lambda read: read.collector_port)


@app.command()
def worker() -> None:
    """Run a worker: judges, escalates, delivers."""
    serve(collector.worker.create_app, lambda read: read.worker_port)


@app.command("api")
def api_() -> None:
    """Run the api: NOC, incidents, tickets, status pages."""
    serve(api.app.create_app, lambda read: read.api_port)


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    url = settings().database_url.get_secret_value()

    async def reachable(_: Connection, __: Deed) -> None: ...

    act(reachable)
    applied = apply_migrations(url)
    hypertables = asyncio.run(prepare(url))
    out.print(f"applied: {', '.join(applied) or 'nothing, the schema is the newest'}")
    out.print("series are hypertables" if hypertables else "series are plain tables: the server has no TimescaleDB")


@app.command()
def demo(
    for_: Annotated[
        timedelta | None, typer.Option("--for", parser=duration, metavar="DURATION", help="stop after, checking all")
    ] = None,
) -> None:
    """Show the whole story on this machine: a backup is missed, a ticket opens, all turns well."""
    from deploy.demo import run_demo

    raise typer.Exit(run_demo(for_))


@app.command()
def schema(target: Annotated[Path, typer.Argument()] = Path("collector/model/heartbeat.schema.json")) -> None:
    """Write the JSON Schema of the heartbeat."""
    target.write_text(json.dumps(Heartbeat.model_json_schema(), indent=2, sort_keys=True) + "\n")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def agent(context: typer.Context) -> None:
    """Report this machine to a collector: the practice's side."""
    raise typer.Exit(agent_main(context.args))


@practice_app.command("add")
def practice_add(
    name: Annotated[str, typer.Argument(help="how the practice is called")],
    tz: Annotated[str, typer.Option("--tz", help="its time zone")] = "Europe/Paris",
) -> None:
    """Enrol a practice; prints its key this once."""
    try:
        enrolled = act(lambda conn, deed: administer.enrol_practice(conn, name, tz, deed))
    except ValidationError as error:
        refuse(_first(error))
    out.print(f"practice     {enrolled.practice.practice_id}")
    out.print(f"key          {enrolled.key}")
    out.print(f"status page  {str(settings().public_url).rstrip('/')}/status/{enrolled.link}")
    err.print("The key is shown this once; only its hash is kept.", style="yellow")


@practice_app.command("list")
def practice_list() -> None:
    """Name every practice that is watched."""
    table = Table("practice", "id", "zone")
    for practice in act(lambda conn, _: list_practices(conn)):
        table.add_row(practice.name, str(practice.practice_id), practice.zone)
    out.print(table)


@practice_app.command("retire")
def practice_retire(practice: PracticeName, because: Because) -> None:
    """Stop watching a practice: its keys end, what is open closes with the reason."""

    async def do(conn: Connection, deed: Deed) -> None:
        await administer.retire_whole_practice(conn, await administer.the_practice(conn, practice), because, deed)

    act(do)
    out.print(f"{practice} is retired: {because}")


@key_app.command("add")
def key_add(practice: PracticeName) -> None:
    """Give a practice another key; prints it this once. Those it has stay valid until revoked."""

    async def do(conn: Connection, deed: Deed) -> str:
        return str(await administer.add_key(conn, await administer.the_practice(conn, practice), deed))

    out.print(act(do))
    err.print("The key is shown this once; only its hash is kept.", style="yellow")


@key_app.command("revoke")
def key_revoke(key_id: Annotated[str, typer.Argument(help="the part between vgp_ and the second underscore")]) -> None:
    """End a practice's key."""
    act(lambda conn, deed: administer.revoke_key(conn, key_id, deed))
    out.print(f"key {key_id} is revoked")


@job_app.command("set")
def job_set(
    practice: PracticeName,
    job: Annotated[str, typer.Argument(help="the job's name, as the agent reports it")],
    every: Duration = None,
    cron: Annotated[str | None, typer.Option(help="a cron expression, '0 2 * * *'")] = None,
    tz: Annotated[str | None, typer.Option(help="zone of the cron expression; the practice's by default")] = None,
    grace: Duration = None,
    rpo: Duration = None,
    endpoint: OnEndpoint = None,
) -> None:
    """Say when a backup job must run, counted from its last run, or from now if there was none."""
    if (every is None) == (cron is None):
        refuse("give either --every or --cron")
    if tz and not cron:
        refuse("--tz goes with --cron: a period has no zone")

    async def do(conn: Connection, deed: Deed) -> JobPolicy:
        found = await administer.the_practice(conn, practice)
        schedule: Schedule = (
            Every(period=every) if every is not None else Cron(expression=cron or "", zone=tz or found.zone)
        )
        on = await administer.the_endpoint(conn, found, endpoint) if endpoint else None
        within = DEFAULT_GRACE if grace is None else grace
        policy = JobPolicy(endpoint_id=on, job=job, schedule=schedule, grace=within, rpo=rpo, since=deed.at)
        await administer.set_job(conn, found, policy, deed)
        return policy

    try:
        policy = act(do)
    except ValidationError as error:
        refuse(_first(error))
    due = policy.schedule.due_after(policy.since)
    out.print(
        f"{job} at {practice}: after a run now, due {due:%Y-%m-%d %H:%M:%S} UTC, missed {policy.grace} after that"
    )


@job_app.command("retire")
def job_retire(
    practice: PracticeName, job: Annotated[str, typer.Argument()], because: Because, endpoint: OnEndpoint = None
) -> None:
    """Stop watching a job."""

    async def do(conn: Connection, deed: Deed) -> None:
        found = await administer.the_practice(conn, practice)
        on = await administer.the_endpoint(conn, found, endpoint) if endpoint else None
        await administer.retire_job(conn, found, on, job, because, deed)

    act(do)
    out.print(f"{job} at {practice} is retired: {because}")


@endpoint_app.command("retire")
def endpoint_retire(
    practice: PracticeName, endpoint: Annotated[str, typer.Argument(help="its name or id")], because: Because
) -> None:
    """Stop watching a machine and its jobs."""

    async def do(conn: Connection, deed: Deed) -> None:
        await administer.retire_endpoint(conn, await administer.the_practice(conn, practice), endpoint, because, deed)

    act(do)
    out.print(f"{endpoint} of {practice} is retired: {because}")


@operator_app.command("add")
def operator_add(name: Annotated[str, typer.Argument(help="a person's name, as the audit log will say it")]) -> None:
    """Give a person a token for the NOC page and the api; prints it this once."""
    token = act(lambda conn, deed: administer.enrol_operator(conn, name, deed))
    out.print(str(token))
    err.print("The token is shown this once; only its hash is kept.", style="yellow")


@operator_app.command("revoke")
def operator_revoke(name: Annotated[str, typer.Argument()]) -> None:
    """End a person's token and sessions."""
    act(lambda conn, deed: administer.dismiss_operator(conn, name, deed))
    out.print(f"{name} is revoked")


def _first(error: ValidationError) -> str:
    """The first thing wrong, with its field and without the library's phrases."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(step) for step in first["loc"] if step not in ("every", "cron", "schedule"))
    return f"{field}: {first['msg']}".removeprefix(": ").replace("Value error, ", "")


def main() -> None:
    app()
