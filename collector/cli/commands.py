"""The commands that run and prepare things; those about practices and people stand beside."""

import asyncio
import json
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

import api.app
import collector.intake.app
import collector.worker
from collector.administer import Deed
from collector.agent import main as agent_main
from collector.cli.channels import channel_app
from collector.cli.configuration import apply
from collector.cli.escalation import escalation_app
from collector.cli.keys import key_app
from collector.cli.mail import mail_app, open_mailbox
from collector.cli.oncall import oncall_app
from collector.cli.operators import operator_app
from collector.cli.outbox import outbox_app
from collector.cli.pings import ping_app
from collector.cli.practices import endpoint_app, job_app, link_app, practice_app
from collector.cli.processes import serve
from collector.cli.rules import rules_app
from collector.cli.silences import silence_app
from collector.cli.simulate import simulate
from collector.cli.trials import escalation_test, rules_backtest, rules_test
from collector.cli.words import act, duration, out, settings
from collector.configuration.schemas import FORMS, schema_text
from collector.model.heartbeat import Heartbeat
from collector.store.connect import Connection
from collector.store.migrate import apply_migrations, prepare

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Vigie: the lookout of an IT provider.",
)
app.add_typer(practice_app, name="practice")
app.add_typer(job_app, name="job")
app.add_typer(endpoint_app, name="endpoint")
app.add_typer(key_app, name="key")
app.add_typer(ping_app, name="ping")
app.add_typer(mail_app, name="mail")
app.add_typer(link_app, name="link")
app.add_typer(outbox_app, name="outbox")
app.add_typer(operator_app, name="operator")
app.add_typer(silence_app, name="silence")
app.add_typer(channel_app, name="channel")
app.add_typer(rules_app, name="rules")
app.add_typer(escalation_app, name="escalation")
app.add_typer(oncall_app, name="oncall")
rules_app.command("test")(rules_test)
escalation_app.command("test")(escalation_test)
rules_app.command("backtest")(rules_backtest)
app.command()(simulate)
app.command("apply")(apply)


def main() -> None:
    app()


@app.command("collector")
def collector_() -> None:
    """Run the collector: takes heartbeats and pings, and mail where VIGIE_SMTP_PORT is set."""
    mailbox = open_mailbox(settings())
    create = partial(collector.intake.app.create_app, mailbox=mailbox)
    serve("collector", create, lambda read: read.collector_port)


@app.command()
def worker() -> None:
    """Run a worker: judges, escalates, delivers."""
    serve("worker", collector.worker.create_app, lambda read: read.worker_port)


@app.command("api")
def api_() -> None:
    """Run the api: NOC, incidents, tickets, status pages."""
    serve("api", api.app.create_app, lambda read: read.api_port)


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
        timedelta | None, typer.Option("--for", parser=duration, metavar="DURATION", help="check all of it, then stop")
    ] = None,
) -> None:
    """Show the whole story on this machine: a backup is missed, a ticket opens, all turns well."""
    from deploy.demo.run import run_demo  # what production runs does not need it

    raise typer.Exit(run_demo(for_))


@app.command()
def schema(target: Annotated[Path, typer.Argument()] = Path("collector/model/heartbeat.schema.json")) -> None:
    """Write the JSON Schemas of the heartbeat, and of fleet.yaml, rules.yaml and escalation.yaml."""
    target.write_text(json.dumps(Heartbeat.model_json_schema(), indent=2, sort_keys=True) + "\n")
    for file, form in FORMS.items():
        file.write_text(schema_text(form), "utf-8")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def agent(context: typer.Context) -> None:
    """Report this machine to a collector: the practice's side."""
    raise typer.Exit(agent_main(context.args))
