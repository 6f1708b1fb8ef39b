"""The provider's people: their tokens, looked up by id in clear and compared by hash by the caller, and sessions."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from collector.model.credential import Credential
from collector.store.audit import record_deed
from collector.store.connect import Connection


@dataclass(frozen=True)
class Operator:
    operator_id: UUID
    name: str
    secret_hash: bytes


_ADD_OPERATOR = "INSERT INTO operator (name, key_id, secret_hash, created_at) VALUES ($1, $2, $3, $4)"
_VALID_OPERATOR = "SELECT operator_id, name, secret_hash FROM operator WHERE key_id = $1 AND revoked_at IS NULL"
_RENEW_OPERATOR = """
    UPDATE operator SET key_id = $2, secret_hash = $3, revoked_at = NULL WHERE name = $1 RETURNING operator_id
"""
_END_SESSIONS = "DELETE FROM operator_session WHERE operator_id = $1"
_REVOKE_OPERATOR = """
    UPDATE operator SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL RETURNING operator_id
"""
_OPEN_SESSION = "INSERT INTO operator_session (session_hash, operator_id, expires_at) VALUES ($1, $2, $3)"
_SESSION_NAME = """
    SELECT name FROM operator_session JOIN operator USING (operator_id)
    WHERE session_hash = $1 AND expires_at > $2 AND revoked_at IS NULL
"""
_CLOSE_SESSION = "DELETE FROM operator_session WHERE session_hash = $1 OR expires_at <= $2"


async def add_operator(conn: Connection, name: str, credential: Credential, *, at: datetime, actor: str) -> None:
    """Raises asyncpg.UniqueViolationError when the name is taken."""
    async with conn.transaction():
        await conn.execute(_ADD_OPERATOR, name, credential.key_id, credential.secret_hash, at)
        await record_deed(conn, at=at, actor=actor, action="add operator", practice_id=None, subject=name)


async def valid_operator(conn: Connection, key_id: str) -> Operator | None:
    row = await conn.fetchrow(_VALID_OPERATOR, key_id)
    return Operator(row["operator_id"], row["name"], row["secret_hash"]) if row else None


async def revoke_operator(conn: Connection, name: str, *, at: datetime, actor: str) -> bool:
    """Whether there was such an operator; sessions end with the token."""
    async with conn.transaction():
        if await conn.fetchval(_REVOKE_OPERATOR, name, at) is None:
            return False
        await record_deed(conn, at=at, actor=actor, action="revoke operator", practice_id=None, subject=name)
        return True


async def replace_operator_token(
    conn: Connection, name: str, credential: Credential, *, at: datetime, actor: str
) -> bool:
    """Whether there is such an operator; the old token and its sessions end with it."""
    async with conn.transaction():
        operator_id = await conn.fetchval(_RENEW_OPERATOR, name, credential.key_id, credential.secret_hash)
        if operator_id is None:
            return False
        await conn.execute(_END_SESSIONS, operator_id)
        await record_deed(conn, at=at, actor=actor, action="renew operator", practice_id=None, subject=name)
        return True


async def open_session(conn: Connection, session_hash: bytes, operator_id: UUID, expires_at: datetime) -> None:
    await conn.execute(_OPEN_SESSION, session_hash, operator_id, expires_at)


async def session_operator(conn: Connection, session_hash: bytes, now: datetime) -> str | None:
    """The operator's name while the session and the operator are valid."""
    name: str | None = await conn.fetchval(_SESSION_NAME, session_hash, now)
    return name


async def close_session(conn: Connection, session_hash: bytes, now: datetime) -> None:
    """End a session, and sweep out those that have expired."""
    await conn.execute(_CLOSE_SESSION, session_hash, now)
