"""Commands about the provider's people."""

from typing import Annotated

import typer

from collector import administer
from collector.cli.words import act, out, shown_once

operator_app = typer.Typer(no_args_is_help=True, help="The provider's people and their tokens.")

Person = Annotated[str, typer.Argument(help="a person's name, as the audit log will say it", metavar="NAME")]


@operator_app.command("add")
def operator_add(name: Person) -> None:
    """Give a person a token for the NOC page and the api; prints it this once."""
    out.print(str(act(lambda conn, deed: administer.enrol_operator(conn, name, deed))))
    shown_once("token")


@operator_app.command("renew")
def operator_renew(name: Person) -> None:
    """Give a person a new token in place of the old one, also after a revocation."""
    out.print(str(act(lambda conn, deed: administer.renew_operator(conn, name, deed))))
    shown_once("token")


@operator_app.command("revoke")
def operator_revoke(name: Person) -> None:
    """End a person's token and sessions."""
    act(lambda conn, deed: administer.dismiss_operator(conn, name, deed))
    out.print(f"{name} is revoked", markup=False)
