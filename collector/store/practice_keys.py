"""Keys of practices, their scripts and their jobs: looked up by their id in clear, compared by hash by the caller."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from collector.model.credential import Credential, Holder
from collector.store.audit import record_deed, record_deeds
from collector.store.connect import Connection


@dataclass(frozen=True)
class PracticeKey:
    """A key that is not revoked, and what it opens: `job` and `endpoint_id` where it is a job's."""

    practice_id: UUID
    key_id: str
    secret_hash: bytes
    holder: Holder
    job: str | None = None
    endpoint_id: UUID | None = None
    keep_logs: bool = False
    expires_at: datetime | None = None
    mail: str | None = None

    def in_force(self, now: datetime) -> bool:
        """From the instant at which it expires it opens nothing."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True)
class KeyListing:
    """A key as its provider sees it: never the secret."""

    key_id: str
    holder: Holder
    job: str | None
    endpoint: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None


_ADD = """
    INSERT INTO practice_key (practice_id, key_id, secret_hash, holder, job, endpoint_id, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_ADD_MANY = """
    INSERT INTO practice_key (practice_id, key_id, secret_hash, holder, created_at)
    SELECT practice_id, key_id, secret_hash, $4, $5
    FROM unnest($1::uuid[], $2::text[], $3::bytea[]) AS new (practice_id, key_id, secret_hash)
"""
_FIND = """
    SELECT practice_id, key_id, secret_hash, holder, job, endpoint_id, keep_logs, expires_at, mail
    FROM practice_key JOIN practice USING (practice_id)
    WHERE key_id = $1 AND revoked_at IS NULL AND retired_at IS NULL
"""
_LIST = """
    SELECT key_id, holder, job, coalesce(name, endpoint_id::text) AS endpoint,
        created_at, expires_at, revoked_at, used_at
    FROM practice_key
    LEFT JOIN endpoint_now USING (practice_id, endpoint_id)
    LEFT JOIN key_used USING (practice_id, key_id)
    WHERE practice_id = $1
    ORDER BY created_at, key_id
"""
_IN_FORCE = """
    SELECT key_id FROM practice_key
    WHERE practice_id = $1 AND holder = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3)
    ORDER BY created_at, key_id
"""
_EXPIRE = "UPDATE practice_key SET expires_at = least(expires_at, $3) WHERE practice_id = $1 AND key_id = $2"
_REVOKE = "UPDATE practice_key SET revoked_at = $2 WHERE key_id = $1 AND revoked_at IS NULL RETURNING practice_id"
# In the order of the keys: collectors that write the same ones at once wait for each other, and never in a circle.
_USED = """
    INSERT INTO key_used (practice_id, key_id, used_at)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS used (practice_id, key_id, used_at)
    ORDER BY practice_id, key_id
    ON CONFLICT (practice_id, key_id) DO UPDATE SET used_at = greatest(key_used.used_at, excluded.used_at)
"""


async def add_practice_key(
    conn: Connection,
    practice_id: UUID,
    credential: Credential,
    *,
    at: datetime,
    actor: str,
    job: str | None = None,
    endpoint_id: UUID | None = None,
) -> None:
    """Give a practice, its scripts or one of its jobs a key."""
    await conn.execute(
        _ADD, practice_id, credential.key_id, credential.secret_hash, credential.holder.value, job, endpoint_id, at
    )
    await record_deed(
        conn, at=at, actor=actor, action="add key", practice_id=practice_id, subject=f"key:{credential.key_id}"
    )


async def add_practice_keys(
    conn: Connection, keys: Sequence[tuple[UUID, Credential]], *, at: datetime, actor: str
) -> None:
    """A key for the agents of each of many practices."""
    practice_ids, ids = [practice_id for practice_id, _ in keys], [key.key_id for _, key in keys]
    hashes = [key.secret_hash for _, key in keys]
    await conn.execute(_ADD_MANY, practice_ids, ids, hashes, Holder.PRACTICE.value, at)
    about = [(practice_id, f"key:{key.key_id}") for practice_id, key in keys]
    await record_deeds(conn, about, at=at, actor=actor, action="add key")


async def find_practice_key(conn: Connection, key_id: str) -> PracticeKey | None:
    """None where it is revoked or its practice retired; whether it has expired is for whoever asks to judge."""
    row = await conn.fetchrow(_FIND, key_id)
    return PracticeKey(**{**row, "holder": Holder(row["holder"])}) if row else None


async def list_practice_keys(conn: Connection, practice_id: UUID) -> list[KeyListing]:
    rows = await conn.fetch(_LIST, practice_id)
    return [KeyListing(**{**row, "holder": Holder(row["holder"])}) for row in rows]


async def keys_in_force(conn: Connection, practice_id: UUID, holder: Holder, now: datetime) -> list[str]:
    """The ids of those that are neither revoked nor expired, the oldest first."""
    return [row["key_id"] for row in await conn.fetch(_IN_FORCE, practice_id, holder.value, now)]


async def expire_practice_key(
    conn: Connection, practice_id: UUID, key_id: str, expires_at: datetime, *, at: datetime, actor: str
) -> None:
    """Let a key end at that instant, or earlier where that was said already."""
    await conn.execute(_EXPIRE, practice_id, key_id, expires_at)
    await record_deed(
        conn, at=at, actor=actor, action="expire key", practice_id=practice_id, subject=f"key:{key_id}",
        detail={"expires_at": expires_at.isoformat()},
    )  # fmt: skip


async def revoke_practice_key(conn: Connection, key_id: str, *, at: datetime, actor: str) -> bool:
    """Whether there was such a key that nobody had revoked."""
    async with conn.transaction():
        practice_id = await conn.fetchval(_REVOKE, key_id, at)
        if practice_id is None:
            return False
        await record_deed(
            conn, at=at, actor=actor, action="revoke key", practice_id=practice_id, subject=f"key:{key_id}"
        )
        return True


async def write_used(conn: Connection, used: Mapping[tuple[UUID, str], datetime]) -> None:
    """When each key was last used; what another collector saw later stays."""
    practice_ids, key_ids = [practice_id for practice_id, _ in used], [key_id for _, key_id in used]
    await conn.execute(_USED, practice_ids, key_ids, list(used.values()))
