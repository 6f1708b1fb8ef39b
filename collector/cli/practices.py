"""Commands about practices: their links, jobs and machines, and what is kept of what their pings say."""

from datetime import timedelta
from typing import Annotated

import typer

from collector import administer
from collector.administer import Deed
from collector.cli.words import act, duration, out, refuse, settings, shown_once
from collector.model.policy import DEFAULT_GRACE, Cron, Every, JobPolicy, Schedule
from collector.store.connect import Connection
from collector.store.kept_logs import KeptLog
from collector.store.practices import list_practices

practice_app = typer.Typer(no_args_is_help=True, help="Practices: enrol, list, retire.")
link_app = typer.Typer(no_args_is_help=True, help="Links of status pages.")
job_app = typer.Typer(no_args_is_help=True, help="Backup jobs: when each must run.")
endpoint_app = typer.Typer(no_args_is_help=True, help="Machines of a practice.")

MOST_SHOWN = 20  # of what was kept of pings

PracticeName = Annotated[str, typer.Argument(help="the practice's name or id", metavar="PRACTICE")]
JobName = Annotated[str, typer.Argument(help="the job's name, as the agent reports it", metavar="JOB")]
Because = Annotated[str, typer.Option("--because", help="the reason, shown with what closes")]
OnEndpoint = Annotated[
    str | None, typer.Option("--endpoint", help="one machine's name or id; without it, every machine's")
]
ToldJob = Annotated[str, typer.Argument(help="the job's name, as 'vigie job set' has it", metavar="JOB")]
OfEndpoint = Annotated[
    str | None, typer.Option("--endpoint", help="the machine's name or id; without it, the job is the practice's own")
]


@practice_app.command("add")
def practice_add(
    name: Annotated[str, typer.Argument(help="how the practice is called", metavar="NAME")],
    tz: Annotated[str, typer.Option("--tz", help="its time zone")] = "Europe/Paris",
) -> None:
    """Enrol a practice; prints its key this once."""
    enrolled = act(lambda conn, deed: administer.enrol_practice(conn, name, tz, deed))
    out.print(f"practice     {enrolled.practice.practice_id}")
    out.print(f"key          {enrolled.key}")
    out.print(f"status page  {_status_page(enrolled.link)}")
    shown_once("key")


@practice_app.command("list")
def practice_list() -> None:
    """Name every practice that is watched, with its id, a line each."""
    for practice in act(lambda conn, _: list_practices(conn)):
        out.print(f"{practice.practice_id}  {practice.name}", markup=False)


@practice_app.command("retire")
def practice_retire(practice: PracticeName, because: Because) -> None:
    """Stop watching a practice: its keys end, what is open closes with the reason."""

    async def do(conn: Connection, deed: Deed) -> None:
        await administer.retire_whole_practice(conn, await administer.the_practice(conn, practice), because, deed)

    act(do)
    out.print(f"{practice} is retired: {because}", markup=False)


@link_app.command("renew")
def link_renew(practice: PracticeName) -> None:
    """Give a practice's status page a new link; the old one leads nowhere from now on."""

    async def do(conn: Connection, deed: Deed) -> str:
        return await administer.renew_link(conn, await administer.the_practice(conn, practice), deed)

    out.print(_status_page(act(do)))


def _status_page(link: str) -> str:
    return f"{str(settings().public_url).rstrip('/')}/status/{link}"


@job_app.command("set")
def job_set(
    practice: PracticeName,
    job: JobName,
    every: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="DURATION", help="a run at least this often: 24h, 7d, 1h30m"),
    ] = None,
    cron: Annotated[str | None, typer.Option(metavar="EXPRESSION", help="a cron expression, '0 2 * * *'")] = None,
    tz: Annotated[str | None, typer.Option(help="zone of the cron expression; the practice's by default")] = None,
    grace: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="DURATION", help="how late a run may end; 1h unless set"),
    ] = None,
    rpo: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            help="largest agreed loss; an older last good backup is a critical incident",
        ),
    ] = None,
    endpoint: OnEndpoint = None,
) -> None:
    """Say when a backup job must run, counted from its last run, or from now if there was none."""
    if (every is None) == (cron is None):
        refuse("give either --every or --cron")
    if tz and not cron:
        refuse("--tz goes with --cron: a period has no zone")

    async def do(conn: Connection, deed: Deed) -> JobPolicy:
        found = await administer.the_practice(conn, practice)
        zone = tz or found.zone
        schedule: Schedule = Cron(expression=cron, zone=zone) if cron else Every.model_validate({"period": every})
        on = await administer.the_endpoint(conn, found, endpoint) if endpoint else None
        within = DEFAULT_GRACE if grace is None else grace
        policy = JobPolicy(endpoint_id=on, job=job, schedule=schedule, grace=within, rpo=rpo, since=deed.at)
        await administer.set_job(conn, found, policy, deed)
        return policy

    policy = act(do)
    due = policy.schedule.due_after(policy.since)
    said = f"{job} at {practice}: after a run now, due {due:%Y-%m-%d %H:%M:%S} UTC, missed {policy.grace} after that"
    out.print(said, markup=False)


@job_app.command("retire")
def job_retire(practice: PracticeName, job: JobName, because: Because, endpoint: OnEndpoint = None) -> None:
    """Stop watching a job."""

    async def do(conn: Connection, deed: Deed) -> None:
        found = await administer.the_practice(conn, practice)
        on = await administer.the_endpoint(conn, found, endpoint) if endpoint else None
        await administer.retire_job(conn, found, on, job, because, deed)

    act(do)
    out.print(f"{job} at {practice} is retired: {because}", markup=False)


@endpoint_app.command("watch")
def endpoint_watch(
    practice: PracticeName, endpoint: Annotated[str, typer.Argument(help="its name or id", metavar="MACHINE")]
) -> None:
    """Watch a retired machine again."""

    async def do(conn: Connection, deed: Deed) -> None:
        await administer.watch_endpoint(conn, await administer.the_practice(conn, practice), endpoint, deed)

    act(do)
    out.print(f"{endpoint} of {practice} is watched", markup=False)


@endpoint_app.command("retire")
def endpoint_retire(
    practice: PracticeName,
    endpoint: Annotated[str, typer.Argument(help="its name or id", metavar="MACHINE")],
    because: Because,
) -> None:
    """Stop watching a machine and its jobs."""

    async def do(conn: Connection, deed: Deed) -> None:
        found = await administer.the_practice(conn, practice)
        await administer.retire_endpoint(conn, found, endpoint, because, deed)

    act(do)
    out.print(f"{endpoint} of {practice} is retired: {because}", markup=False)


@practice_app.command("logs")
def practice_logs(
    practice: PracticeName,
    keep: Annotated[
        bool | None, typer.Option("--keep/--discard", help="keep what pings say, or erase it and keep no more")
    ] = None,
) -> None:
    """Say whether what a practice's pings say is kept: it names files, and is discarded unless it opts in."""
    if keep is None:
        refuse("give either --keep or --discard")

    async def do(conn: Connection, deed: Deed) -> None:
        await administer.set_keep_logs(conn, await administer.the_practice(conn, practice), deed, keep=keep)

    act(do)
    said = "is kept from now on" if keep else "is discarded, and what was kept is erased"
    out.print(f"what pings of {practice} say {said}", markup=False)


@job_app.command("log")
def job_log(practice: PracticeName, job: ToldJob) -> None:
    """Show what was kept of a job's pings, the newest first."""

    async def do(conn: Connection, _: Deed) -> list[KeptLog]:
        return await administer.logs_of(conn, await administer.the_practice(conn, practice), job, MOST_SHOWN)

    logs = act(do)
    if not logs:
        out.print("nothing was kept; 'vigie practice logs --keep' opts in")
    for kept in logs:
        out.print(f"{kept.received_at:%Y-%m-%d %H:%M:%S} UTC  {kept.log.action}", markup=False)
        out.print(_printable(kept.log.text), markup=False)


def _printable(text: str) -> str:
    """A terminal obeys control characters, and the text is anybody's."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in text)
