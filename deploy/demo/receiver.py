"""A ticket system of its own for the demo and the tests: checks signatures, honours idempotency keys, shows all.

`GET /tickets` tells what it holds; `python -m deploy.demo.receiver PORT` runs it, its secret in the environment.
"""

import html
import os
import socket
import sys
from datetime import datetime
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel
from standardwebhooks import Webhook, WebhookVerificationError

SECRET_VARIABLE = "RECEIVER_SECRET"  # noqa: S105 - a name


class HeldTicket(BaseModel):
    """A ticket as the receiver knows it: every event once, in the order of its sequence."""

    ticket_id: str
    practice: str
    title: str
    severity: str
    state: str
    events: list[str] = []
    sequences: list[int] = []
    received_at: list[datetime] = []


class Desk:
    """What has been received, by ticket."""

    def __init__(self) -> None:
        self.tickets: dict[str, HeldTicket] = {}
        self.deliveries = 0
        self._seen: set[str] = set()

    def take(self, webhook_id: str, event: str, data: dict[str, Any], at: datetime) -> None:
        self.deliveries += 1
        if webhook_id in self._seen:
            return
        self._seen.add(webhook_id)
        ticket = self.tickets.setdefault(
            data["ticket_id"],
            HeldTicket(ticket_id=data["ticket_id"], practice=data["practice"], title="", severity="", state="open"),
        )
        ticket.title, ticket.severity = data["title"], data["severity"]
        ticket.state = "resolved" if event == "ticket.resolved" else "open"
        ticket.events.append(event)
        ticket.sequences.append(data["sequence"])
        ticket.received_at.append(at)


def create_app(secret: str) -> FastAPI:
    app = FastAPI(title="Ticket receiver", docs_url=None, redoc_url=None, openapi_url=None)
    desk, verifier = Desk(), Webhook(secret)

    @app.post("/webhook")
    async def webhook(request: Request) -> Response:
        body = await request.body()
        try:
            event = verifier.verify(body, dict(request.headers))
        except WebhookVerificationError as error:
            return JSONResponse({"detail": str(error)}, 401)
        desk.take(request.headers["webhook-id"], event["type"], event["data"], datetime.now().astimezone())
        return Response(status_code=204)

    @app.get("/tickets")
    async def tickets() -> list[HeldTicket]:
        return list(desk.tickets.values())

    @app.get("/", response_class=HTMLResponse)
    async def page() -> str:
        return _page(desk)

    return app


def _page(desk: Desk) -> str:
    rows = "".join(_row(ticket) for ticket in reversed(desk.tickets.values()))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Ticket receiver</title>'
        "<style>body{font:16px system-ui;margin:2rem;max-width:70rem}table{border-collapse:collapse;width:100%}"
        "th,td{text-align:left;padding:.5rem;border-bottom:1px solid #ccc}.open{color:#b00020;font-weight:600}"
        ".resolved{color:#1b6e3c}</style>"
        "<h1>Ticket receiver</h1><p>Stands in for the provider's ticket system. "
        "Every event arrives signed, once, and in order.</p>"
        "<table><thead><tr><th scope=col>State<th scope=col>Practice<th scope=col>Ticket<th scope=col>Events</tr>"
        f"</thead><tbody>{rows}</tbody></table></html>"
    )


def _row(ticket: HeldTicket) -> str:
    events = " → ".join(event.removeprefix("ticket.") for event in ticket.events)
    cells = (ticket.practice, ticket.title, events)
    escaped = "".join(f"<td>{html.escape(cell)}" for cell in cells)
    return f'<tr><td class="{ticket.state}">{ticket.state}{escaped}</tr>'


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listening:
        sys.stderr.write("listening\n")
        config = uvicorn.Config(create_app(os.environ[SECRET_VARIABLE]), log_level="warning")
        uvicorn.Server(config).run(sockets=[listening])
