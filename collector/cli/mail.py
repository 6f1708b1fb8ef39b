"""Commands about mail: addresses of jobs, and the socket that mail comes in by."""

import ssl
from typing import Annotated

import typer

from collector import administer
from collector.administer import Deed
from collector.cli.pings import ping_url
from collector.cli.practices import OfEndpoint, PracticeName, ToldJob
from collector.cli.processes import listen
from collector.cli.words import act, err, out, refuse, settings, shown_once
from collector.config import Settings
from collector.intake.smtp import Mailbox
from collector.model.credential import Credential
from collector.model.mail import LookIn, MailRules
from collector.store.connect import Connection

mail_app = typer.Typer(no_args_is_help=True, help="Mail addresses of backup jobs, for products that can only write.")


@mail_app.command("add")
def mail_add(
    practice: PracticeName,
    job: ToldJob,
    from_: Annotated[
        list[str], typer.Option("--from", metavar="SENDER", help="who may write: an address, or @domain; repeatable")
    ],
    endpoint: OfEndpoint = None,
    success: Annotated[
        list[str] | None, typer.Option(metavar="WORDS", help="says that a run went well, in place of the usual words")
    ] = None,
    warning: Annotated[list[str] | None, typer.Option(metavar="WORDS", help="the same for a warning")] = None,
    failed: Annotated[list[str] | None, typer.Option(metavar="WORDS", help="the same for a failure")] = None,
    in_: Annotated[LookIn, typer.Option("--in", help="where these words are looked for")] = LookIn.SUBJECT,
) -> None:
    """Give a backup job a mail address; prints it this once. 'vigie key' lists and revokes it."""
    given = {"senders": from_, "look_in": in_, "success": success, "warning": warning, "failed": failed}

    async def do(conn: Connection, deed: Deed) -> tuple[Credential, MailRules]:
        rules = MailRules.model_validate({name: value for name, value in given.items() if value})
        found = await administer.the_practice(conn, practice)
        on = await administer.the_endpoint(conn, found, endpoint) if endpoint else None
        return await administer.add_mail_address(conn, found, on, job, rules, deed), rules

    key, rules = act(do)
    read = settings()
    out.print(f"address  {key}@{read.smtp_domain}")
    out.print(f"ping     {ping_url(key)} means the same job")
    _tell(rules)
    shown_once("address")
    if read.smtp_port is None:
        err.print("No mail is taken before the collector has VIGIE_SMTP_PORT.", style="yellow")


def _tell(rules: MailRules) -> None:
    """What a mail must say, the worst first: it counts."""
    out.print(f"from     {', '.join(rules.senders)}", markup=False)
    where = "subject or body" if rules.look_in is LookIn.BOTH else rules.look_in.value
    for status in ("failed", "warning", "success"):
        words = ", ".join(getattr(rules, status)) or "nothing"
        out.print(f"{status:8} {where} says: {words}", markup=False)


def open_mailbox(read: Settings) -> Mailbox | None:
    """Where the settings want mail to be taken, if they do."""
    if read.smtp_port is None:
        return None
    return Mailbox(listen(read.host, read.smtp_port), _tls(read))


def _tls(read: Settings) -> ssl.SSLContext | None:
    if read.smtp_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(read.smtp_certificate, read.smtp_key, password="")
    except OSError as error:
        refuse(f"VIGIE_SMTP_CERTIFICATE and VIGIE_SMTP_KEY cannot be used: {error.strerror or error}")
    return context
