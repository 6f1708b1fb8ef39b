"""Pings as clients of Healthchecks send them; the answer leaves only after the commit."""

from datetime import UTC, datetime

from fastapi.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope

from collector.intake.admission import Admission, TooMuchError, tokens_of
from collector.intake.group_commit import GroupCommit, OverloadedError
from collector.intake.incoming import Bodies, GoneError, TooSlowError, read_beginning
from collector.intake.keys import Keyring, TooManyGuessesError, UnknownKeyError
from collector.intake.ping_run import arrival_of
from collector.intake.ping_url import NotAPingError, Ping, read_ping
from collector.intake.slugs import AmbiguousSlugError, Slugs, UnknownSlugError
from collector.metrics import IntakeMetrics
from collector.model.credential import Holder
from collector.problems import RETRY_AFTER_S, ProblemError
from collector.store.connect import AWAY, StoreAwayError, UnstorableError
from collector.store.intake import Arrival
from collector.store.job_slugs import MOST_SLUGS, SlugJob, TooManySlugsError
from collector.store.practice_keys import PracticeKey

PREFIX = "/ping/"
METHODS = ("GET", "HEAD", "POST")
BODY_LIMIT = 100_000
# All that are being read at once.
BODIES_LIMIT = 8 * 1024 * 1024

# What a client can do wrong, and what the store can run into; each has its answer in `_refusal`.
_REFUSALS = (
    NotAPingError, UnknownKeyError, UnknownSlugError, AmbiguousSlugError, TooManySlugsError, TooManyGuessesError,
    TooMuchError, TooSlowError, GoneError, OverloadedError, UnstorableError, StoreAwayError, ProblemError, *AWAY,
)  # fmt: skip


class PingDoor:
    """Who may ping which job, and the way to the disk; a ping whose key and slug are warm costs its commit alone."""

    def __init__(
        self, keyring: Keyring, admission: Admission, slugs: Slugs, commit: GroupCommit, metrics: IntakeMetrics,
        body_limit: int = BODY_LIMIT,
    ) -> None:  # fmt: skip
        self._keyring = keyring
        self._admission = admission
        self._slugs = slugs
        self._commit = commit
        self._metrics = metrics
        self._bodies = Bodies(BODIES_LIMIT)
        self._body_limit = body_limit

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """Whatever is wrong with a ping or with the store is an answer too."""
        try:
            created = await self._accept(scope, receive)
            response = _text(201, "Created") if created else _text(200, "OK")
            self._metrics.pings.inc()
        except _REFUSALS as error:
            response = _refusal(error)
            self._metrics.refused.labels(status=response.status_code).inc()
        response.headers["Ping-Body-Limit"] = str(self._body_limit)
        response.headers["Access-Control-Allow-Origin"] = "*"
        if scope["method"] == "HEAD":
            response.body = b""
        return response

    async def _accept(self, scope: Scope, receive: Receive) -> bool:
        """Whether a job was made for it.

        1. Whose key, and whether the practice may send as much.
        2. Which job; with `create=1` one is made.
        3. Its body is read for figures, and the run committed. A body may be slow: whether the key is in force, and
           whether the practice keeps logs, counts as it is at the end.
        """
        ping = read_ping(scope["path"].removeprefix(PREFIX), scope["query_string"].decode("latin-1"))
        if self._commit.full:
            raise OverloadedError
        key = await self._key(ping, scope)
        self._admission.take(key.practice_id, 1)
        job, created = await self._job(key, ping)
        arrival = await self._read(ping, key, job, scope, receive)
        if arrival:
            await self._commit.store([arrival])
        return created

    async def _read(self, ping: Ping, key: PracticeKey, job: SlugJob, scope: Scope, receive: Receive) -> Arrival | None:
        """Apart, so that no body waits for its commit."""
        body = await read_beginning(receive, self._body_limit, self._bodies, key.practice_id)
        self._admission.owe(key.practice_id, tokens_of(1, len(body)) - 1)
        key = await self._key(ping, scope)
        return arrival_of(
            ping,
            job,
            body.decode("utf-8", "replace").replace("\x00", ""),
            practice_id=key.practice_id,
            user_agent=_user_agent(scope),
            keep_log=key.keep_logs,
            now=datetime.now(UTC),
        )

    async def _key(self, ping: Ping, scope: Scope) -> PracticeKey:
        client = scope.get("client")
        key = await self._keyring.admit(ping.key, client[0] if client else "")
        if key.holder is not (Holder.SCRIPT if ping.slug else Holder.JOB):
            raise UnknownKeyError
        return key

    async def _job(self, key: PracticeKey, ping: Ping) -> tuple[SlugJob, bool]:
        if key.job is not None:
            return SlugJob(key.endpoint_id, key.job), False
        slug = ping.slug or ""
        try:
            return await self._slugs.job(key.practice_id, slug), False
        except UnknownSlugError:
            if not ping.create:
                raise
        created = await self._slugs.create(key.practice_id, slug)
        return await self._slugs.job(key.practice_id, slug), created


def _user_agent(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"user-agent"), "")


def _refusal(error: Exception) -> Response:
    match error:
        case NotAPingError():
            return _text(400, str(error))
        case UnknownKeyError() | UnknownSlugError():
            return _text(404, "not found")
        case AmbiguousSlugError():
            return _text(409, "ambiguous slug")
        case TooManySlugsError():
            return _text(403, f"too many jobs: a practice may have {MOST_SLUGS}")
        case TooManyGuessesError() | TooMuchError():
            return _text(429, "too many requests", retry_after_s=error.retry_after_s)
        case GoneError():
            return _text(400, "the body did not come to its end")
        case TooSlowError():
            return _text(408, "the body comes too slowly", close=True)
        case UnstorableError():
            return _text(400, "the store refuses it")
        case _:
            return _text(503, "not stored, try again", retry_after_s=RETRY_AFTER_S)


def _text(status: int, text: str, *, retry_after_s: int | None = None, close: bool = False) -> Response:
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s is not None else {}
    return PlainTextResponse(text, status, headers | ({"Connection": "close"} if close else {}))
