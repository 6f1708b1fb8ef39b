"""Keys of jobs that may be told of by mail, with the rules of that address."""

from datetime import datetime
from uuid import UUID

from collector.model.credential import Credential
from collector.model.mail import MailRules
from collector.store.audit import record_deed
from collector.store.connect import Connection

_ADD = """
    INSERT INTO practice_key (practice_id, key_id, secret_hash, holder, job, endpoint_id, mail, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8)
"""


async def add_mail_key(
    conn: Connection,
    practice_id: UUID,
    credential: Credential,
    rules: MailRules,
    *,
    job: str,
    endpoint_id: UUID | None,
    at: datetime,
    actor: str,
) -> None:
    """Give one of a practice's jobs a key with mail rules; the rules stand in the audit log."""
    written = rules.model_dump_json()
    await conn.execute(
        _ADD, practice_id, credential.key_id, credential.secret_hash, credential.holder.value, job, endpoint_id,
        written, at,
    )  # fmt: skip
    await record_deed(
        conn, at=at, actor=actor, action="add mail address", practice_id=practice_id,
        subject=f"key:{credential.key_id}", detail={"job": job, "rules": written},
    )  # fmt: skip
