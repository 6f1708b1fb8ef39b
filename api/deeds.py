"""`/v1/incidents/{id}/...`: an operator's hand on an incident. A second identical request changes nothing."""

from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

from fastapi import APIRouter

from api.contract import IncidentAnswer, problems
from api.deed_contract import Acknowledgement, Assignment, Comment, Held, Merging, Resolution, Snooze
from api.desk import AtDesk, Desk
from api.operator import ByHand
from api.refusals import refused
from collector import deeds
from collector.deeds import Answer, Hand
from collector.escalation.deeds import Refusal
from collector.problems import ProblemError, problem
from collector.store.connect import COMMAND_TIMEOUT_S, Connection

routes = APIRouter(prefix="/v1/incidents", tags=["incidents"])

_Deed = Callable[[Connection, UUID, Hand], Awaitable[Answer]]


@routes.post("/{incident_id}/acknowledge", responses=problems(400, 404, 409))
async def acknowledge(
    desk: AtDesk, hand: ByHand, incident_id: UUID, asked: Acknowledgement | None = None
) -> IncidentAnswer:
    """Say that somebody is at it: escalation stops until then, evaluation goes on."""
    held = asked or Acknowledgement()
    deed = partial(deeds.acknowledge, until=held.end(hand.at), comment=held.comment)
    return await _done(desk, hand, incident_id, deed, held)


@routes.delete("/{incident_id}/acknowledge", responses=problems(404, 409))
async def let_go(desk: AtDesk, hand: ByHand, incident_id: UUID) -> IncidentAnswer:
    """Say that nobody is at it any more: whoever must be told is told anew."""
    return await _done(desk, hand, incident_id, deeds.let_go)


@routes.post("/{incident_id}/snooze", responses=problems(400, 404, 409))
async def snooze(desk: AtDesk, hand: ByHand, incident_id: UUID, asked: Snooze) -> IncidentAnswer:
    """Let nobody hear of it until then. What needs two people to silence cannot be snoozed by one."""
    deed = partial(deeds.snooze, until=asked.end(hand.at) or hand.at, comment=asked.comment)
    return await _done(desk, hand, incident_id, deed, asked)


@routes.delete("/{incident_id}/snooze", responses=problems(404, 409))
async def wake(desk: AtDesk, hand: ByHand, incident_id: UUID) -> IncidentAnswer:
    """End a snooze before its time."""
    return await _done(desk, hand, incident_id, deeds.wake)


@routes.post("/{incident_id}/assign", responses=problems(400, 404, 409))
async def assign(desk: AtDesk, hand: ByHand, incident_id: UUID, asked: Assignment) -> IncidentAnswer:
    """Give it to somebody. That alone holds nothing back: whoever is at it acknowledges it."""
    return await _done(desk, hand, incident_id, partial(deeds.assign, to=asked.to))


@routes.post("/{incident_id}/comment", responses=problems(400, 404, 409))
async def comment(desk: AtDesk, hand: ByHand, incident_id: UUID, asked: Comment) -> IncidentAnswer:
    """Add words to its history. The same words again within a minute are the same request."""
    return await _done(desk, hand, incident_id, partial(deeds.comment, said=asked.comment))


@routes.post("/{incident_id}/resolve", responses=problems(400, 404, 409))
async def resolve(desk: AtDesk, hand: ByHand, incident_id: UUID, asked: Resolution) -> IncidentAnswer:
    """Say that it is over. The next judgement resolves it, and it comes back if it is found still."""
    return await _done(desk, hand, incident_id, partial(deeds.close, because=asked.because))


@routes.post("/{incident_id}/merge", responses=problems(400, 404, 409))
async def merge(desk: AtDesk, hand: ByHand, incident_id: UUID, asked: Merging) -> IncidentAnswer:
    """Say that it belongs to a campaign, which pages for it while it lasts."""
    return await _done(desk, hand, incident_id, partial(deeds.merge, campaign_id=asked.campaign_id))


async def _done(desk: Desk, hand: Hand, incident_id: UUID, deed: _Deed, held: Held | None = None) -> IncidentAnswer:
    """The incident as it stands then, or why it was left alone, by the field of the request that says so."""
    async with desk.pool.acquire(timeout=COMMAND_TIMEOUT_S) as conn:
        done = await deed(conn, incident_id, hand)
    if done is None:
        raise unknown(incident_id)
    if isinstance(done, Refusal):
        raise refused(done, held.ends if held else "until")
    return IncidentAnswer.of(done)


def unknown(incident_id: UUID) -> ProblemError:
    return problem(404, "no_incident", "There is no such incident", f"No incident has the id {incident_id}.")
