"""`/v1/incidents/{id}/...`: an operator's hand on an incident. A second identical request changes nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from fastapi import APIRouter

from api.contract import IncidentAnswer, problems
from api.deed_contract import Acknowledgement, Assignment, Comment, Merging, Resolution, Snooze
from api.desk import AtDesk, Desk
from api.operator import SignedOperator
from api.refusals import refused
from collector import deeds
from collector.deeds import Answer, Hand
from collector.escalation.deeds import Refusal
from collector.problems import ProblemError, problem
from collector.store.connect import COMMAND_TIMEOUT_S, Connection

routes = APIRouter(prefix="/v1/incidents", tags=["incidents"])


@routes.post("/{incident_id}/acknowledge", responses=problems(400, 404, 409))
async def acknowledge(
    desk: AtDesk, operator: SignedOperator, incident_id: UUID, asked: Acknowledgement | None = None
) -> IncidentAnswer:
    """Say that somebody is at it: escalation stops until then, evaluation goes on."""
    hand, said = Hand(operator.name, desk.now()), asked or Acknowledgement()
    async with _at(desk) as conn:
        until = said.end(hand.at)
        done = await deeds.acknowledge(conn, incident_id, hand, until=until, comment=said.comment)
    return _told(incident_id, done)


@routes.delete("/{incident_id}/acknowledge", responses=problems(404, 409))
async def let_go(desk: AtDesk, operator: SignedOperator, incident_id: UUID) -> IncidentAnswer:
    """Say that nobody is at it any more: whoever must be told is told anew."""
    async with _at(desk) as conn:
        done = await deeds.let_go(conn, incident_id, Hand(operator.name, desk.now()))
    return _told(incident_id, done)


@routes.post("/{incident_id}/snooze", responses=problems(400, 404, 409))
async def snooze(desk: AtDesk, operator: SignedOperator, incident_id: UUID, asked: Snooze) -> IncidentAnswer:
    """Let nobody hear of it until then. What needs two people to silence cannot be snoozed by one."""
    hand = Hand(operator.name, desk.now())
    async with _at(desk) as conn:
        until = asked.end(hand.at) or hand.at
        done = await deeds.snooze(conn, incident_id, hand, until=until, comment=asked.comment)
    return _told(incident_id, done)


@routes.delete("/{incident_id}/snooze", responses=problems(404, 409))
async def wake(desk: AtDesk, operator: SignedOperator, incident_id: UUID) -> IncidentAnswer:
    """End a snooze before its time."""
    async with _at(desk) as conn:
        done = await deeds.wake(conn, incident_id, Hand(operator.name, desk.now()))
    return _told(incident_id, done)


@routes.post("/{incident_id}/assign", responses=problems(400, 404, 409))
async def assign(desk: AtDesk, operator: SignedOperator, incident_id: UUID, asked: Assignment) -> IncidentAnswer:
    """Give it to somebody. That alone holds nothing back: whoever is at it acknowledges it."""
    async with _at(desk) as conn:
        done = await deeds.assign(conn, incident_id, Hand(operator.name, desk.now()), to=asked.to)
    return _told(incident_id, done)


@routes.post("/{incident_id}/comment", responses=problems(400, 404, 409))
async def comment(desk: AtDesk, operator: SignedOperator, incident_id: UUID, asked: Comment) -> IncidentAnswer:
    """Add words to its history. The same words again within a minute are the same request."""
    async with _at(desk) as conn:
        done = await deeds.comment(conn, incident_id, Hand(operator.name, desk.now()), said=asked.comment)
    return _told(incident_id, done)


@routes.post("/{incident_id}/resolve", responses=problems(400, 404, 409))
async def resolve(desk: AtDesk, operator: SignedOperator, incident_id: UUID, asked: Resolution) -> IncidentAnswer:
    """Say that it is over. The next judgement resolves it, and it comes back if it is found still."""
    async with _at(desk) as conn:
        done = await deeds.close(conn, incident_id, Hand(operator.name, desk.now()), because=asked.because)
    return _told(incident_id, done)


@routes.post("/{incident_id}/merge", responses=problems(400, 404, 409))
async def merge(desk: AtDesk, operator: SignedOperator, incident_id: UUID, asked: Merging) -> IncidentAnswer:
    """Say that it belongs to a campaign, which pages for it while it lasts."""
    async with _at(desk) as conn:
        hand = Hand(operator.name, desk.now())
        done = await deeds.merge(conn, incident_id, hand, campaign_id=asked.campaign_id)
    return _told(incident_id, done)


@asynccontextmanager
async def _at(desk: Desk) -> AsyncIterator[Connection]:
    async with desk.pool.acquire(timeout=COMMAND_TIMEOUT_S) as conn:
        yield conn


def _told(incident_id: UUID, done: Answer) -> IncidentAnswer:
    if done is None:
        raise unknown(incident_id)
    if isinstance(done, Refusal):
        raise refused(done)
    return IncidentAnswer.of(done)


def unknown(incident_id: UUID) -> ProblemError:
    return problem(404, "no_incident", "There is no such incident", f"No incident has the id {incident_id}.")
