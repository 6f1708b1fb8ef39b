"""`/v1/silences`: do not notify, for a while, for a reason. Evaluation goes on."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ValidationError

from api.contract import Page, problems
from api.cursor import from_cursor, to_cursor
from api.desk import AtDesk
from api.operator import ByHand, SignedOperator
from api.practices import After, Limit
from api.silence_contract import NewSilence, SilenceAnswer, WeighedAnswer
from collector import silences
from collector.deeds import Hand
from collector.model.silence import Silence
from collector.problems import FieldError, Problem, ProblemError, contract_broken, problem
from collector.silences import Answer, SilenceRefusal, Weighed
from collector.store.connect import COMMAND_TIMEOUT_S
from collector.store.incident_pages import NewestKey
from collector.store.reading import reading
from collector.store.silences import Standing, load_silence, silences_newest_first

routes = APIRouter(prefix="/v1/silences", tags=["silences"])

_SENTENCES: dict[SilenceRefusal, tuple[int, str | None, str]] = {
    SilenceRefusal.NO_PRACTICE: (422, "scope.practice_id", "must be a practice that is watched"),
    SilenceRefusal.NO_ENDPOINT: (422, "scope.endpoint_id", "must be a machine of the practice"),
    SilenceRefusal.NO_RULE: (422, "scope.rule", f"must be one of {', '.join(silences.RULE_NAMES)}"),
    SilenceRefusal.NEVER_OPENS: (422, "weekly", "must open before the silence is over; let the silence last longer"),
    SilenceRefusal.OVER: (409, None, "The silence is over. Create a new one."),
    SilenceRefusal.ANOTHER: (409, "silence_id", "is that of another silence; choose a new one"),
    SilenceRefusal.SAME_PERSON: (409, None, "Who asked for a silence cannot approve it: somebody else must."),
    SilenceRefusal.NO_OPERATORS: (
        409,
        None,
        "What takes two people is asked for and approved by two operators, each with their own token: the command "
        "line tells only whose account it runs under. Ask for the silence here.",
    ),
}


@routes.get("", responses=problems())
async def listed(
    desk: AtDesk,
    _: SignedOperator,
    standing: Annotated[Standing | None, Query(description="only those that stand so")] = None,
    limit: Limit = 100,
    after: After = None,
) -> Page[SilenceAnswer]:
    """Silences, the last to begin first."""
    key, now = from_cursor(NewestKey, after), desk.now()
    async with reading(desk.pool) as conn:
        found = await silences_newest_first(conn, standing, key, limit + 1, now)
    last = found[limit - 1] if len(found) > limit else None
    following = to_cursor(NewestKey(last.since, last.silence_id)) if last else None
    return Page(items=[SilenceAnswer.of(one, now) for one in found[:limit]], next=following)


@routes.post("", status_code=201, responses=problems(400, 409))
async def begin(desk: AtDesk, hand: ByHand, asked: NewSilence) -> WeighedAnswer:
    """Silence something. With a `silence_id` of your own the same request sent again makes no second one."""
    silence = _made(asked, hand)
    async with desk.pool.acquire(timeout=COMMAND_TIMEOUT_S) as conn:
        done = await silences.begin(conn, silence, hand)
    return _told(silence.silence_id, done, hand.at)


@routes.post("/preview", responses=problems(400, 409))
async def preview(desk: AtDesk, hand: ByHand, asked: NewSilence) -> WeighedAnswer:
    """What a silence would hold now; nothing is changed."""
    silence = _made(asked, hand)
    async with reading(desk.pool) as conn:
        return _told(silence.silence_id, await silences.preview(conn, silence, hand.at), hand.at)


@routes.get("/{silence_id}", responses=problems(404))
async def one(desk: AtDesk, _: SignedOperator, silence_id: UUID) -> WeighedAnswer:
    """One silence, and what lasts within its scope."""
    async with reading(desk.pool) as conn:
        silence = await load_silence(conn, silence_id)
        return _told(silence_id, await silences.weighed(conn, silence) if silence else None, desk.now())


@routes.post("/{silence_id}/approve", responses=problems(404, 409))
async def approve(desk: AtDesk, hand: ByHand, silence_id: UUID) -> WeighedAnswer:
    """Let it hold what takes two people. Not by who asked for it."""
    async with desk.pool.acquire(timeout=COMMAND_TIMEOUT_S) as conn:
        return _told(silence_id, await silences.approve(conn, silence_id, hand), hand.at)


@routes.post("/{silence_id}/end", responses=problems(404))
async def end(desk: AtDesk, hand: ByHand, silence_id: UUID) -> WeighedAnswer:
    """End it before its time: what still burns notifies. One that is over stays as it is."""
    async with desk.pool.acquire(timeout=COMMAND_TIMEOUT_S) as conn:
        return _told(silence_id, await silences.end(conn, silence_id, hand), hand.at)


def _made(asked: NewSilence, hand: Hand) -> Silence:
    try:
        return asked.made(hand.actor, hand.at)
    except ValidationError as error:
        ends = "for" if asked.lasts is not None else "until"
        raise ProblemError(contract_broken(error, whole=ends)) from None


def _told(silence_id: UUID, done: Answer, now: datetime) -> WeighedAnswer:
    if done is None:
        raise problem(404, "no_silence", "There is no such silence", f"No silence has the id {silence_id}.")
    if isinstance(done, Weighed):
        return WeighedAnswer.of(done, now)
    status, field, said = _SENTENCES[done]
    raise ProblemError(
        Problem(
            type=f"urn:vigie:{done.value}",
            title="The silence is refused",
            status=status,
            detail=f"{field}: {said}" if field else said,
            errors=[FieldError(field=field, message=said)] if field else [],
        )
    )
