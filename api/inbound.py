"""`/v1/inbound/{channel}`: what people did to our tickets in their ticket system, signed by it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Path, Request
from pydantic import BaseModel, Field, ValidationError

from api.contract import problems
from api.desk import AtDesk, Desk
from collector.deeds import Took, take_happenings
from collector.delivery.inbound import FRESH, Sealed, TicketEvent, TicketNews, parse, vouched
from collector.logs import logger
from collector.model.channels import Secret, WebhookChannel
from collector.problems import Problem, ProblemError, contract_broken, problem
from collector.secrets import MissingSecretError, read_signing_key
from collector.store.connect import COMMAND_TIMEOUT_S
from collector.store.escalation import load_book, newest_book_version

_log = logger("api")

routes = APIRouter(prefix="/v1/inbound", tags=["inbound"])


def _body() -> dict[str, Any]:
    """What OpenAPI says of the body, which is read by hand: the signature is over its bytes."""
    schema = TicketEvent.model_json_schema()
    schema["properties"]["data"] = schema.pop("$defs")[TicketNews.__name__]
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_UNSIGNED = {
    "model": Problem,
    "description": "not signed with the channel's `inbound` secret within the last five minutes",
}


class Taken(BaseModel):
    """It is done here too; the same to every repetition of it."""

    event_id: str = Field(description="its `webhook-id`: each is taken once")
    ticket_id: UUID


@routes.post("/{channel}", responses=problems(404, 413) | {401: _UNSIGNED}, openapi_extra=_body())
async def take(
    request: Request,
    desk: AtDesk,
    channel: Annotated[str, Path(description="a channel of escalation.yaml with an `inbound` secret")],
    webhook_id: Annotated[str, Header()] = "",
    webhook_timestamp: Annotated[str, Header()] = "",
    webhook_signature: Annotated[str, Header()] = "",
) -> Taken:
    """A ticket was closed, opened again, taken or commented; signed as Standard Webhooks says."""
    sealed = Sealed(webhook_id, webhook_timestamp, webhook_signature, await request.body())
    now = desk.now()
    secret = await _secret(desk, channel)
    if secret is None or not vouched(sealed, secret, now):
        raise _unsigned()
    try:
        happening = parse(sealed, now)
    except ValidationError as error:
        raise ProblemError(contract_broken(error)) from None
    async with desk.pool.acquire(timeout=COMMAND_TIMEOUT_S) as conn:
        [took] = await take_happenings(conn, channel, [happening], now)
    if took is Took.UNKNOWN_TICKET:
        detail = f"Channel {channel} has no ticket with the id {happening.ticket_id}."
        raise problem(404, "no_ticket", "There is no such ticket", detail)
    return Taken(event_id=happening.event_id, ticket_id=happening.ticket_id)


async def _secret(desk: Desk, channel: str) -> str | None:
    async with desk.pool.acquire(timeout=COMMAND_TIMEOUT_S) as conn:
        book = await load_book(conn, await newest_book_version(conn))
    spec = book.channels.get(channel)
    if not isinstance(spec, WebhookChannel) or spec.inbound is None:
        return None
    return _read(channel, spec.inbound)


def _read(channel: str, inbound: Secret) -> str:
    """A secret that we miss, or that is none, is our fault: who sends is to come back."""
    try:
        return read_signing_key(inbound)
    except MissingSecretError as error:
        _log.warning("the secret of a channel is missing", channel=channel, reason=str(error))
        detail = "What this channel is checked by cannot be read here. Send it again later."
        raise problem(503, "no_secret", "The channel is not ready", detail, Retry_After="60") from None


def _unsigned() -> ProblemError:
    minutes = int(FRESH.total_seconds() // 60)
    detail = f"Sign with the channel's inbound secret as Standard Webhooks says, at most {minutes} minutes ago."
    return problem(401, "unsigned", "A valid signature is needed", detail)
