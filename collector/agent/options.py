"""The command line."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence

from .ground.contract import ROLES
from .ground.log import AGENT, VERSION

_ABOUT = """\
Report this machine to Vigie: that it lives, its missing patches (apt), and the last
run of its restic backups. Every heartbeat is written to disk first and sent when the
server can be reached."""

_MORE = """\
exit codes of --once:
  0  everything was sent (or refused for good, and set aside in STATE/rejected)
  1  held in the spool; the next run sends it
  2  configuration or credentials; what is in the spool stays there

the key comes from --key-file or from the environment variable VIGIE_AGENT_KEY.

a configuration file:
  [vigie]
  server = https://vigie.example.net
  key_file = /etc/vigie-agent.key
  state = /var/lib/vigie-agent
  interval_s = 300
  look_s = 900
  role = server

  [restic:dental database]
  repository = sftp:nas:/backup/database
  password_file = /etc/restic.password
  medium = nas
  offline = no

each [restic:NAME] is a backup job. medium (local, nas, usb, tape, cloud, other) is guessed
from the repository where it is not given. look_s is how often patches and backups are
looked at; heartbeats in between only say that the machine lives."""


class Options(Namespace):
    """What was typed; an empty string is "not given"."""

    command: str
    once: bool
    show: bool
    config: str
    server: str
    key_file: str
    state: str
    interval_s: str
    role: str
    restic_repository: str
    restic_password_file: str
    job: str
    insecure_http: bool


def parse(argv: Sequence[str] | None) -> Options:
    """Ends the process with code 2 where the line cannot be read, as argparse does."""
    parser = ArgumentParser(prog=AGENT, description="The practice's side of Vigie.")
    parser.add_argument("--version", action="version", version=f"{AGENT} {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="report once, or for ever",
        description=_ABOUT,
        epilog=_MORE,
        formatter_class=RawDescriptionHelpFormatter,
    )
    _add_how(run)
    _add_what(run)
    return parser.parse_args(argv, namespace=Options())


def _add_how(run: ArgumentParser) -> None:
    run.add_argument("--once", action="store_true", help="report once and exit, for cron and systemd timers")
    run.add_argument("--print", action="store_true", dest="show", help="print the heartbeat as JSON, send nothing")
    run.add_argument("--config", default="", metavar="FILE", help="an INI file; options go before it")
    run.add_argument("--server", default="", metavar="URL", help="the collector, https://...")
    run.add_argument("--key-file", default="", metavar="FILE", help="a file that holds the practice's key")
    run.add_argument(
        "--state", default="", metavar="DIR", help="identity and spool (default: where the system keeps such)"
    )
    run.add_argument("--interval-s", default="", metavar="S", help="seconds between heartbeats (default: 300)")
    run.add_argument("--insecure-http", action="store_true", help="allow plain http to another machine; for tests only")


def _add_what(run: ArgumentParser) -> None:
    run.add_argument("--role", default="", choices=ROLES, help="what this machine is (default: guessed)")
    run.add_argument("--restic-repository", default="", metavar="REPO", help="a repository to report on")
    run.add_argument("--restic-password-file", default="", metavar="FILE", help="its password")
    run.add_argument("--job", default="restic", metavar="NAME", help="its backup job's name (default: restic)")
