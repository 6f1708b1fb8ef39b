"""The commands that run and prepare things, and where those about practices and people stand."""

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from collector.administer import Deed
from collector.cli.words import act, duration, out, settings
from collector.store.connect import Connection

# The file of this folder, and in it a group of commands or a single one.
PLACES: Mapping[str, tuple[str, str]] = {
    "practice": ("practices", "practice_app"),
    "job": ("practices", "job_app"),
    "endpoint": ("practices", "endpoint_app"),
    "key": ("keys", "key_app"),
    "ping": ("pings", "ping_app"),
    "mail": ("mail", "mail_app"),
    "link": ("practices", "link_app"),
    "outbox": ("outbox", "outbox_app"),
    "operator": ("operators", "operator_app"),
    "silence": ("silences", "silence_app"),
    "channel": ("channels", "channel_app"),
    "rules": ("rules", "rules_app"),
    "escalation": ("escalation", "escalation_app"),
    "oncall": ("oncall", "oncall_app"),
    "simulate": ("simulate", "simulate"),
    "apply": ("configuration", "apply"),
}

own = typer.Typer()


def main() -> None:
    commands(_places(sys.argv[1] if len(sys.argv) > 1 else ""))()


def _places(called: str) -> Iterable[str]:
    """Where it may stand: to load every command takes longer than most of them run."""
    if called in PLACES:
        return [called]
    return [] if called in [one.name for one in own.registered_commands] else PLACES


def commands(places: Iterable[str] = PLACES) -> typer.Typer:
    """Those of this file, and these of the others."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Vigie: the lookout of an IT provider.",
    )
    for name in places:
        file, attribute = PLACES[name]
        found = getattr(import_module(f"collector.cli.{file}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    app.add_typer(own)
    return app


@own.command("collector")
def collector_() -> None:
    """Run the collector: takes heartbeats and pings, and mail where VIGIE_SMTP_PORT is set."""
    from collector.cli.mail import open_mailbox
    from collector.cli.processes import serve
    from collector.intake.app import create_app

    create = partial(create_app, mailbox=open_mailbox(settings()))
    serve("collector", create, lambda read: read.collector_port)


@own.command("worker")
def worker() -> None:
    """Run a worker: judges, escalates, delivers."""
    from collector.cli.processes import serve
    from collector.worker import create_app

    serve("worker", create_app, lambda read: read.worker_port)


@own.command("api")
def api_() -> None:
    """Run the api: NOC, incidents, tickets, status pages."""
    from api.app import create_app
    from collector.cli.processes import serve

    serve("api", create_app, lambda read: read.api_port)


@own.command("migrate")
def migrate() -> None:
    """Bring the database to the newest schema."""
    from collector.store.migrate import apply_migrations, prepare

    url = settings().database_url.get_secret_value()

    async def reachable(_: Connection, __: Deed) -> None: ...

    act(reachable)
    applied = apply_migrations(url)
    hypertables = asyncio.run(prepare(url))
    out.print(f"applied: {', '.join(applied) or 'nothing, the schema is the newest'}")
    out.print("series are hypertables" if hypertables else "series are plain tables: the server has no TimescaleDB")


@own.command("demo")
def demo(
    for_: Annotated[
        timedelta | None, typer.Option("--for", parser=duration, metavar="DURATION", help="check all of it, then stop")
    ] = None,
) -> None:
    """Show the whole story on this machine: a backup is missed, a ticket opens, all turns well."""
    from deploy.demo.run import run_demo

    raise typer.Exit(run_demo(for_))


@own.command("schema")
def schema(target: Annotated[Path, typer.Argument()] = Path("collector/model/heartbeat.schema.json")) -> None:
    """Write the JSON Schemas of the heartbeat, and of fleet.yaml, rules.yaml and escalation.yaml."""
    from collector.configuration.schemas import FORMS, schema_text
    from collector.model.heartbeat import Heartbeat

    target.write_text(json.dumps(Heartbeat.model_json_schema(), indent=2, sort_keys=True) + "\n")
    for file, form in FORMS.items():
        file.write_text(schema_text(form), "utf-8")


@own.command(
    "agent",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def agent(context: typer.Context) -> None:
    """Report this machine to a collector: the practice's side."""
    from collector.agent import main as report

    raise typer.Exit(report(context.args))
