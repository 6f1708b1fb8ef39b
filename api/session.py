"""An operator's session in a browser: a random cookie, of which the store keeps only the hash."""

import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Form, Request, Response

from api.desk import AtDesk, Desk
from api.pages import SignInNeededError
from collector.problems import problem
from collector.store.audit import record_deed
from collector.store.connect import COMMAND_TIMEOUT_S, FLEET, Connection, set_scope
from collector.store.operators import Operator, close_session, open_session, session_operator

COOKIE = "vigie_session"
# Not strict: a link in a ticket comes from another site, and would find nobody signed in. A form that changes
# something carries the session's own secret (`csrf`).
_GIVEN_TO: Final = "lax"
_SAME_SITE = {"same-origin", "none"}


@dataclass(frozen=True)
class Session:
    """`csrf` stands in every form of the session, and can be had from its cookie alone."""

    operator: str
    csrf: str


async def begin_session(desk: Desk, operator: Operator, response: Response) -> None:
    secret = secrets.token_urlsafe(32)
    now = desk.now()
    async with _deed(desk, operator.name, "sign in", now) as conn:
        await open_session(conn, _hashed(secret), operator.operator_id, now + desk.session_lifetime)
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(desk.session_lifetime.total_seconds()),
        secure=desk.secure_cookies,
        httponly=True,
        samesite=_GIVEN_TO,
    )


async def end_session(desk: Desk, session: Session, request: Request, response: Response) -> None:
    now = desk.now()
    async with _deed(desk, session.operator, "sign out", now) as conn:
        await close_session(conn, _hashed(request.cookies.get(COOKIE, "")), now)
    response.delete_cookie(COOKIE, secure=desk.secure_cookies, httponly=True, samesite=_GIVEN_TO)


@asynccontextmanager
async def _deed(desk: Desk, actor: str, action: str, at: datetime) -> AsyncIterator[Connection]:
    """A transaction that is audited: neither it nor its row without the other."""
    async with desk.pool.acquire(timeout=COMMAND_TIMEOUT_S) as conn, conn.transaction():
        await set_scope(conn, FLEET)
        yield conn
        await record_deed(conn, at=at, actor=actor, action=action, practice_id=None, subject=actor)


async def session_of(request: Request, desk: Desk) -> Session | None:
    secret = request.cookies.get(COOKIE)
    if secret is None:
        return None
    async with desk.pool.acquire(timeout=COMMAND_TIMEOUT_S) as conn:
        name = await session_operator(conn, _hashed(secret), desk.now())
    return Session(name, _csrf(secret)) if name else None


async def _signed_in(request: Request, desk: AtDesk) -> Session:
    session = await session_of(request, desk)
    if session is None:
        raise SignInNeededError
    return session


# The session of a page that is for operators alone.
SignedIn = Annotated[Session, Depends(_signed_in)]


async def _own_form(session: SignedIn, csrf: Annotated[str, Form()] = "") -> Session:
    if not hmac.compare_digest(csrf.encode(errors="replace"), session.csrf.encode()):
        raise _foreign_form()
    return session


# The session of a form that one of its own pages held.
OwnForm = Annotated[Session, Depends(_own_form)]


def refuse_foreign_site(request: Request, desk: AtDesk) -> None:
    """Before there is a session there is no secret to share: the browser itself says who posts."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    own = {request.headers.get("host"), urlsplit(desk.public_url).netloc}
    if site not in _SAME_SITE if site else origin is not None and urlsplit(origin).netloc not in own:
        raise _foreign_form()


def _foreign_form() -> Exception:
    return problem(403, "foreign_form", "The form is not ours", "Send the form from the page that shows it.")


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _csrf(secret: str) -> str:
    return hmac.new(secret.encode(), b"vigie csrf", hashlib.sha256).hexdigest()
