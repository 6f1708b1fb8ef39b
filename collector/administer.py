"""What the provider does by command: each deed in one transaction with its audit row and a wake."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter, ValidationError

from collector.configuration.compile import with_rules
from collector.configuration.rules import Rulebook, RulesForm
from collector.model.credential import Credential, Holder
from collector.model.heartbeat import JobName
from collector.model.mail import MailRules
from collector.model.policy import JobPolicy, Policy
from collector.model.subject import Subject, endpoint_subject, job_subject
from collector.store.configuration import load_policy, lock_configuration, put_policy, rules_in_force
from collector.store.connect import Connection, lock_practice
from collector.store.kept_logs import KeptLog, kept_logs, opt_in, opt_out
from collector.store.mail import add_mail_key
from collector.store.operators import add_operator, replace_operator_token, revoke_operator
from collector.store.practice_keys import (
    KeyListing,
    add_practice_key,
    expire_practice_key,
    keys_in_force,
    list_practice_keys,
    revoke_practice_key,
)
from collector.store.practices import (
    Practice,
    add_practice,
    endpoints_named,
    find_practice,
    knows_job,
    replace_links,
    retire_practice,
)
from collector.store.wakes import begin_watch

LONGEST_NAME = 200
_job_name: TypeAdapter[str] = TypeAdapter(JobName)
MOST_WHILE_ROTATING = 2
DEFAULT_OVERLAP = timedelta(days=7)
LONGEST_OVERLAP = timedelta(days=365)


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
    _check_name(name)
    key, link = Credential.mint(Holder.PRACTICE), new_link()
    try:
        async with conn.transaction():
            await lock_configuration(conn)  # before the name is taken, as whoever applies files does
            practice = await add_practice(conn, name, zone, link, at=deed.at, actor=deed.actor)
            book = Rulebook(await the_rules(conn))
            policy = with_rules(Policy(practice_id=practice.practice_id, practice=name, zone=zone), book)
            await add_practice_key(conn, practice.practice_id, key, at=deed.at, actor=deed.actor)
            await put_policy(conn, policy, at=deed.at, actor=deed.actor, summary="enrolled")
            await begin_watch(conn, [practice.practice_id], deed.at)
    except asyncpg.UniqueViolationError:
        raise NotDoneError(f"a practice named {name!r} is watched already; choose another name") from None
    return Enrolled(practice, key, link)


async def the_rules(conn: Connection, at: datetime | None = None) -> RulesForm:
    """What was said of the rules, now or until an instant; written by an older version, it may hold what is gone."""
    body = await rules_in_force(conn, at)
    return RulesForm.model_validate_json(body, extra="ignore") if body else RulesForm()


async def set_job(conn: Connection, practice: Practice, job: JobPolicy, deed: Deed) -> Policy:
    """Put a job's schedule in force. Set again unchanged it goes on counting from when it was first set."""
    summary = f"job {job.subject}: {job.schedule.model_dump_json(exclude={'kind'})}"

    def change(policy: Policy) -> Policy:
        _check_endpoint(policy, job.endpoint_id)
        known = policy.jobs.get(job.subject)
        since = known.since if known and known.schedule == job.schedule else job.since
        jobs = {**policy.jobs, job.subject: job.model_copy(update={"since": since})}
        retired = {subject: because for subject, because in policy.retired.items() if subject != job.subject}
        return policy.model_copy(update={"jobs": jobs, "retired": retired})

    return await _reconfigure(conn, practice, change, summary, deed)


async def retire_endpoint(conn: Connection, practice: Practice, endpoint: str, because: str, deed: Deed) -> UUID:
    """Stop watching an endpoint and its jobs; what is open about them closes with the reason."""
    endpoint_id = await the_endpoint(conn, practice, endpoint)
    await _retire(conn, practice, endpoint_subject(endpoint_id), because, deed)
    return endpoint_id


async def watch_endpoint(conn: Connection, practice: Practice, endpoint: str, deed: Deed) -> None:
    """Take a retired endpoint back, with its jobs."""
    subject = endpoint_subject(await the_endpoint(conn, practice, endpoint))

    def change(policy: Policy) -> Policy:
        if subject not in policy.retired:
            raise NotDoneError("no command retired this machine; one that a file retires is taken back in the file")
        retired = {one: because for one, because in policy.retired.items() if one != subject}
        return policy.model_copy(update={"retired": retired})

    await _reconfigure(conn, practice, change, f"watching {subject} again", deed)


async def retire_job(
    conn: Connection, practice: Practice, endpoint_id: UUID | None, job: str, because: str, deed: Deed
) -> None:
    """Stop watching a job, and forget its schedule. Without an endpoint, that of every machine."""
    if not await knows_job(conn, practice.practice_id, endpoint_id, job):
        raise NotDoneError(f"{practice.name} has no job {job!r}; its status page names them")
    await _retire(conn, practice, job_subject(endpoint_id, job), because, deed)


async def retire_whole_practice(conn: Connection, practice: Practice, because: str, deed: Deed) -> None:
    """A lost customer: its keys are worth nothing from now on, and what is open closes with the reason."""
    _check_reason(because)
    async with conn.transaction():
        await _reconfigure(
            conn,
            practice,
            lambda policy: policy.model_copy(update={"retired_because": because}),
            f"practice retired: {because}",
            deed,
        )
        await retire_practice(conn, practice, at=deed.at, actor=deed.actor)  # its row last, as where files are applied


async def add_key(conn: Connection, practice: Practice, holder: Holder, deed: Deed) -> Credential:
    """Another key for the practice's agents or its scripts; those they have stay in force."""
    key = Credential.mint(holder)
    async with conn.transaction():
        await add_practice_key(conn, practice.practice_id, key, at=deed.at, actor=deed.actor)
    return key


async def rotate_key(
    conn: Connection, practice: Practice, holder: Holder, overlap: timedelta, deed: Deed
) -> Credential:
    """A new key; the one before it stays in force for the overlap, so that it can be replaced everywhere."""
    if overlap > LONGEST_OVERLAP:
        raise NotDoneError(f"an overlap is at most {LONGEST_OVERLAP.days}d; 'vigie key add' gives a key beside the old")
    async with conn.transaction():
        await lock_practice(conn, practice.practice_id)
        old = await keys_in_force(conn, practice.practice_id, holder, deed.at)
        if len(old) >= MOST_WHILE_ROTATING:
            raise NotDoneError(
                f"{practice.name} has {len(old)} such keys in force, {', '.join(old)}; "
                "end those that nothing uses any more with 'vigie key revoke', or wait until one has expired"
            )
        for key_id in old:
            await expire_practice_key(
                conn, practice.practice_id, key_id, deed.at + overlap, at=deed.at, actor=deed.actor
            )
        return await add_key(conn, practice, holder, deed)


async def add_ping(conn: Connection, practice: Practice, endpoint_id: UUID | None, job: str, deed: Deed) -> Credential:
    """A key of one job, good for its pings."""
    _check_job(job)
    key = Credential.mint(Holder.JOB)
    async with _locked(conn, practice.practice_id) as policy:
        _check_watched(policy, endpoint_id, job)
        await add_practice_key(
            conn, practice.practice_id, key, job=job, endpoint_id=endpoint_id, at=deed.at, actor=deed.actor
        )
    return key


async def set_keep_logs(conn: Connection, practice: Practice, deed: Deed, *, keep: bool) -> None:
    """Whether what its pings say is kept: it names files. Without, what was kept is erased."""
    change = opt_in if keep else opt_out
    await change(conn, practice, at=deed.at, actor=deed.actor)


async def logs_of(conn: Connection, practice: Practice, job: str, most: int) -> list[KeptLog]:
    """The newest first."""
    return await kept_logs(conn, practice.practice_id, job, most)


async def add_mail_address(
    conn: Connection, practice: Practice, endpoint_id: UUID | None, job: str, rules: MailRules, deed: Deed
) -> Credential:
    """A key of one job, good for mail from the senders of the rules, and for pings."""
    _check_job(job)
    key = Credential.mint(Holder.JOB)
    async with _locked(conn, practice.practice_id) as policy:
        _check_watched(policy, endpoint_id, job)
        await add_mail_key(
            conn, practice.practice_id, key, rules, job=job, endpoint_id=endpoint_id, at=deed.at, actor=deed.actor
        )
    return key


async def keys_of(conn: Connection, practice: Practice) -> list[KeyListing]:
    return await list_practice_keys(conn, practice.practice_id)


async def revoke_key(conn: Connection, key: str, deed: Deed) -> str:
    """By its id, or by itself, for who finds one where it should not be; the id is said."""
    credential = Credential.parse(key)
    key_id = credential.key_id if credential else key
    if not await revoke_practice_key(conn, key_id, at=deed.at, actor=deed.actor):
        raise NotDoneError(f"no key {key_id!r} is in force; 'vigie key list' names them")
    return key_id


async def enrol_operator(conn: Connection, name: str, deed: Deed) -> Credential:
    """A named operator's token, shown this once."""
    _check_name(name)
    token = Credential.mint(Holder.OPERATOR)
    try:
        await add_operator(conn, name, token, at=deed.at, actor=deed.actor)
    except asyncpg.UniqueViolationError:
        raise NotDoneError(f"an operator named {name!r} exists, or did; 'vigie operator renew' gives a token") from None
    return token


async def renew_operator(conn: Connection, name: str, deed: Deed) -> Credential:
    """A new token for a known person; the old one and its sessions end."""
    token = Credential.mint(Holder.OPERATOR)
    if not await replace_operator_token(conn, name, token, at=deed.at, actor=deed.actor):
        raise NotDoneError(f"no operator is named {name!r}; 'vigie operator add' makes one")
    return token


async def renew_link(conn: Connection, practice: Practice, deed: Deed) -> str:
    """A new status link; those before it lead nowhere."""
    link = new_link()
    async with conn.transaction():
        await replace_links(conn, practice, link, at=deed.at, actor=deed.actor)
    return link


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
    _check_reason(because)

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
        await lock_configuration(conn)
        policy = await load_policy(conn, practice_id)
        if policy is None:
            raise NotDoneError(f"practice {practice_id} has no policy; it was not enrolled by 'vigie practice add'")
        yield policy


def new_link() -> str:
    return secrets.token_urlsafe(24)


def _check_name(name: str) -> None:
    """A name stands in the audit log, on pages and in tickets."""
    if name != name.strip() or not name.isprintable() or not 1 <= len(name) <= LONGEST_NAME:
        raise NotDoneError(f"{name!r} is no name: 1 to {LONGEST_NAME} printable characters, no space around them")


def _check_job(job: str) -> None:
    try:
        _job_name.validate_python(job)
    except ValidationError:
        raise NotDoneError(f"{job!r} is no name of a job: 1 to 100 characters on one line") from None


def _check_endpoint(policy: Policy, endpoint_id: UUID | None) -> None:
    if endpoint_id and endpoint_subject(endpoint_id) in policy.retired:
        raise NotDoneError("this machine is retired; 'vigie endpoint watch' takes it back first")


def _check_watched(policy: Policy, endpoint_id: UUID | None, job: str) -> None:
    """What is told of a retired job nobody judges; whoever asks for its URL believes that it is watched."""
    _check_endpoint(policy, endpoint_id)
    if policy.retirement(job_subject(endpoint_id, job)) is not None:
        raise NotDoneError(f"job {job!r} is retired; 'vigie job set' takes it back first")


def _check_reason(because: str) -> None:
    if not because.strip():
        raise NotDoneError("--because needs a reason: it is shown with what closes")
