"""What the provider does by command: each deed in one transaction with its audit row and a wake."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from collector.model.credential import Credential, Holder
from collector.model.policy import JobPolicy, Policy
from collector.model.subject import Subject, endpoint_subject, job_subject
from collector.store.configuration import load_policy, put_policy
from collector.store.connect import Connection, lock_practice
from collector.store.credentials import add_operator, add_practice_key, revoke_operator, revoke_practice_key
from collector.store.practices import (
    Practice,
    add_practice,
    endpoints_named,
    find_practice,
    knows_job,
    retire_practice,
)
from collector.store.wakes import begin_watch


class NotDoneError(Exception):
    """Nothing was changed; the message says why and the way out."""


@dataclass(frozen=True)
class Enrolled:
    """A new practice: its key is shown this once, and kept as a hash."""

    practice: Practice
    key: Credential
    link: str


@dataclass(frozen=True)
class Deed:
    """Who does something, and when."""

    actor: str
    at: datetime


async def enrol_practice(conn: Connection, name: str, zone: str, deed: Deed) -> Enrolled:
    """A practice with its first key, status link and policy; it is watched from now on, and unknown."""
    key, link = Credential.mint(Holder.PRACTICE), secrets.token_urlsafe(24)
    try:
        async with conn.transaction():
            practice = await add_practice(conn, name, zone, link, at=deed.at, actor=deed.actor)
            policy = Policy(practice_id=practice.practice_id, practice=name, zone=zone)
            await add_practice_key(conn, practice.practice_id, key, at=deed.at, actor=deed.actor)
            await put_policy(conn, policy, at=deed.at, actor=deed.actor, summary="enrolled")
            await begin_watch(conn, practice.practice_id, deed.at)
    except asyncpg.UniqueViolationError:
        raise NotDoneError(f"a practice named {name!r} is watched already; choose another name") from None
    return Enrolled(practice, key, link)


async def set_job(conn: Connection, practice: Practice, job: JobPolicy, deed: Deed) -> Policy:
    """Put a job's schedule in force; a schedule counts from the moment it is set."""
    summary = f"job {job.subject}: {job.schedule.model_dump_json(exclude={'kind'})}"

    def change(policy: Policy) -> Policy:
        watched = (job.subject, job_subject(None, job.job))
        retired = {subject: because for subject, because in policy.retired.items() if subject not in watched}
        return policy.model_copy(update={"jobs": {**policy.jobs, job.subject: job}, "retired": retired})

    return await _reconfigure(conn, practice, change, summary, deed)


async def retire_endpoint(conn: Connection, practice: Practice, endpoint: str, because: str, deed: Deed) -> UUID:
    """Stop watching an endpoint and its jobs; what is open about them closes with the reason."""
    endpoint_id = await the_endpoint(conn, practice, endpoint)
    await _retire(conn, practice, endpoint_subject(endpoint_id), because, deed)
    return endpoint_id


async def retire_job(
    conn: Connection, practice: Practice, endpoint_id: UUID | None, job: str, because: str, deed: Deed
) -> None:
    """Stop watching a job, and forget its schedule. Without an endpoint, that of every machine."""
    if not await knows_job(conn, practice.practice_id, endpoint_id, job):
        raise NotDoneError(f"{practice.name} has no job {job!r}; its status page names them")
    await _retire(conn, practice, job_subject(endpoint_id, job), because, deed)


async def retire_whole_practice(conn: Connection, practice: Practice, because: str, deed: Deed) -> None:
    """A lost customer: its keys are worth nothing from now on, and what is open closes with the reason."""
    async with conn.transaction():
        await retire_practice(conn, practice, at=deed.at, actor=deed.actor)
        await _reconfigure(
            conn,
            practice,
            lambda policy: policy.model_copy(update={"retired_because": because}),
            f"practice retired: {because}",
            deed,
        )


async def add_key(conn: Connection, practice: Practice, deed: Deed) -> Credential:
    key = Credential.mint(Holder.PRACTICE)
    async with conn.transaction():
        await add_practice_key(conn, practice.practice_id, key, at=deed.at, actor=deed.actor)
    return key


async def revoke_key(conn: Connection, key_id: str, deed: Deed) -> None:
    if not await revoke_practice_key(conn, key_id, at=deed.at, actor=deed.actor):
        raise NotDoneError(f"no key {key_id!r} is in force; its id stands between vgp_ and the second underscore")


async def enrol_operator(conn: Connection, name: str, deed: Deed) -> Credential:
    """A named operator's token, shown this once."""
    token = Credential.mint(Holder.OPERATOR)
    try:
        await add_operator(conn, name, token, at=deed.at, actor=deed.actor)
    except asyncpg.UniqueViolationError:
        raise NotDoneError(f"an operator named {name!r} exists already, or did; choose another name") from None
    return token


async def dismiss_operator(conn: Connection, name: str, deed: Deed) -> None:
    if not await revoke_operator(conn, name, at=deed.at, actor=deed.actor):
        raise NotDoneError(f"no operator named {name!r} has a valid token")


async def the_practice(conn: Connection, wanted: str) -> Practice:
    practice = await find_practice(conn, wanted)
    if practice is None:
        raise NotDoneError(f"no practice {wanted!r} is watched; 'vigie practice list' names them")
    return practice


async def the_endpoint(conn: Connection, practice: Practice, wanted: str) -> UUID:
    """By name or id; names are only labels, so one that several endpoints share is refused."""
    found = await endpoints_named(conn, practice.practice_id, wanted)
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotDoneError(f"{practice.name} has no endpoint {wanted!r}; its status page names them")
    listed = ", ".join(str(one) for one in found)
    raise NotDoneError(f"{practice.name} has {len(found)} endpoints named {wanted!r}; give one of the ids {listed}")


async def _retire(conn: Connection, practice: Practice, subject: Subject, because: str, deed: Deed) -> None:
    def change(policy: Policy) -> Policy:
        jobs = {key: job for key, job in policy.jobs.items() if key != subject}
        return policy.model_copy(update={"jobs": jobs, "retired": {**policy.retired, subject: because}})

    await _reconfigure(conn, practice, change, f"retired {subject}: {because}", deed)


async def _reconfigure(
    conn: Connection, practice: Practice, change: Callable[[Policy], Policy], summary: str, deed: Deed
) -> Policy:
    """A new version of a practice's policy, made from the one in force under the practice's lock."""
    async with _locked(conn, practice.practice_id) as policy:
        return await put_policy(conn, change(policy), at=deed.at, actor=deed.actor, summary=summary)


@asynccontextmanager
async def _locked(conn: Connection, practice_id: UUID) -> AsyncIterator[Policy]:
    async with conn.transaction():
        await lock_practice(conn, practice_id)
        policy = await load_policy(conn, practice_id)
        if policy is None:
            raise NotDoneError(f"practice {practice_id} has no policy; it was not enrolled by 'vigie practice add'")
        yield policy
