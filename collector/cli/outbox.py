"""Commands about messages that were not delivered: what waits, what was given up, and what becomes of it."""

from typing import Annotated

import typer

from collector.administer import Deed, NotDoneError
from collector.cli.words import act, out, refuse
from collector.model.campaign import PROVIDER
from collector.store.audit import record_deed, record_deeds
from collector.store.connect import Connection
from collector.store.dead_letters import Dropped, Letter, drop, letters, revive
from collector.store.wakes import wake_practice

outbox_app = typer.Typer(no_args_is_help=True, help="Messages to ticket systems and people that were not delivered.")

MOST_SHOWN = 200


@outbox_app.command("list")
def outbox_list(
    dead: Annotated[bool, typer.Option("--dead", help="only those that were given up")] = False,
    channel: Annotated[str | None, typer.Option(help="only this channel's")] = None,
) -> None:
    """Show what is not delivered, and why: by channel, the oldest first."""
    found = act(lambda conn, _: letters(conn, channel, MOST_SHOWN + 1, dead=dead))
    if not found:
        out.print("nothing was given up" if dead else "nothing waits")
    for one in found[:MOST_SHOWN]:
        out.print(_line(one), markup=False)
    if len(found) > MOST_SHOWN:
        out.print(f"and more than these {MOST_SHOWN}")


def _line(one: Letter) -> str:
    state = f"given up {one.dead_at:%Y-%m-%d %H:%M} UTC" if one.dead_at else f"next try {one.not_before:%H:%M:%S} UTC"
    tries = f"{one.attempts} {'try' if one.attempts == 1 else 'tries'}"
    why = f": {one.last_error}" if one.last_error else ""
    return (
        f"{one.outbox_id}  {one.channel}  {one.created_at:%Y-%m-%d %H:%M} UTC  {state}, {tries}{why}\n"
        f"    {one.practice}: {one.title}"
    )


@outbox_app.command("retry")
def outbox_retry(
    which: Annotated[str, typer.Argument(help="a channel's name, or a message's id", metavar="CHANNEL|ID")],
) -> None:
    """Try again at once, and for another day, what a channel did not take."""

    async def do(conn: Connection, deed: Deed) -> int:
        async with conn.transaction():
            revived = await revive(conn, which, deed.at)
            about = [(practice_id, f"outbox:{outbox_id}") for practice_id, outbox_id in revived]
            await record_deeds(conn, about, at=deed.at, actor=deed.actor, action="outbox.retry")
            await wake_practice(conn, PROVIDER, deed.at)
        return len(revived)

    count = act(do)
    if count == 0:
        refuse(
            f"nothing of {which} can be tried again: no such channel or id, sent or being sent, or later news of the"
            " same ticket was delivered meanwhile; 'vigie outbox list' shows what is left, 'vigie outbox drop' ends it"
        )
    out.print(f"{count} {'message is' if count == 1 else 'messages are'} tried again", markup=False)


@outbox_app.command("drop")
def outbox_drop(
    which: Annotated[
        str,
        typer.Argument(help="a channel's name, for all that it gave up, or a message's id", metavar="CHANNEL|ID"),
    ],
    because: Annotated[str, typer.Option("--because", help="the reason, kept in the audit log")],
) -> None:
    """Give up for good what was not delivered: nobody is told any more."""

    async def do(conn: Connection, deed: Deed) -> list[Dropped]:
        async with conn.transaction():
            dropped = await drop(conn, which, deed.at)
            if not dropped:
                raise NotDoneError(
                    f"{which}: no such message, or it is sent or being sent; nor a channel that gave up any"
                )
            for one in dropped:
                await record_deed(
                    conn, at=deed.at, actor=deed.actor, action="outbox.drop", practice_id=one.practice_id,
                    subject=f"outbox:{one.outbox_id}",
                    detail={"channel": one.channel, "title": one.title, "because": because},
                )  # fmt: skip
            await wake_practice(conn, PROVIDER, deed.at)
        return dropped

    if not because.strip():
        refuse("--because: say why")
    dropped = act(do)
    out.print(f"dropped: {dropped[0].title if len(dropped) == 1 else f'{len(dropped):,} messages'}", markup=False)
