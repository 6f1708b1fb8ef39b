"""Files of configuration put in force: compared with what is, then written as one version, all or nothing."""

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import TextIO
from uuid import UUID, uuid4

from collector.administer import Deed, NotDoneError, new_link, the_rules
from collector.configuration.compile import Compiled, InForce, compile_all, with_rules
from collector.configuration.escalation.plan import plan_book, same_book
from collector.configuration.faults import Fault, FaultyError
from collector.configuration.fleet import machine_id
from collector.configuration.plan import Line, Sign, plan
from collector.configuration.read import Files, missing_secrets, unknown_names
from collector.configuration.rules import Rulebook, RulesForm
from collector.escalation.policies import unheard
from collector.model.book import Book
from collector.model.campaign import PROVIDER, PROVIDER_NAME
from collector.model.channels import Secret, WebhookChannel
from collector.model.credential import Credential, Holder
from collector.model.policy import Policy
from collector.secrets import MissingSecretError, read_secret, read_signing_key
from collector.store.configuration import (
    load_policy,
    lock_configuration,
    newest_version,
    policies_in_force,
    put_policies,
    reported_names,
)
from collector.store.connect import Connection
from collector.store.escalation import load_book, newest_book_version, open_tickets_by_channel
from collector.store.practice_keys import add_practice_keys
from collector.store.practices import Practice, add_practices
from collector.store.wakes import begin_watch

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Prepared:
    """What applying would do to the configuration as it was at `version`; a book if it differs from that in force."""

    version: int
    compiled: Compiled
    provider: Policy | None
    book: Book | None
    lines: tuple[Line, ...]

    @property
    def new(self) -> list[Policy]:
        return [change.after for change in self.compiled.changes if change.before is None]

    @property
    def nothing(self) -> bool:
        return self.compiled.nothing and self.book is None


@dataclass(frozen=True)
class Joined:
    """A practice that was enrolled: its key is written this once, and kept as a hash."""

    policy: Policy
    key: Credential
    link: str


async def prepare(conn: Connection, files: Files, at: datetime) -> Prepared:
    """Compare the files with what is in force. Raises FaultyError where they name what nobody knows."""
    version = await newest_version(conn)
    in_force = InForce({one.practice: one for one in await policies_in_force(conn)}, await the_rules(conn))
    compiled = compile_all([one.practice for one in files.practices], files.rules, in_force, at, uuid4)
    reported = await reported_names(conn)
    machines = {name: frozenset(reported.machines.get(one.practice_id, ())) for name, one in in_force.policies.items()}
    jobs = _known_jobs(in_force, compiled, reported.jobs)
    before = await load_book(conn, await newest_book_version(conn))
    faults = [
        *unknown_names(files, jobs),
        *_ambiguous(files, in_force, reported.machines),
        *missing_secrets(files, secret_missing),
        *_orphaned(files, before, await open_tickets_by_channel(conn)),
    ]
    if faults:
        raise FaultyError(faults)
    provider = await _provider(conn, compiled.rules)
    book = files.book if files.book and not same_book(before, files.book) else None
    lines = plan(compiled, machines, files.rules or in_force.rules)
    return Prepared(version, compiled, provider, book, (*lines, *_changed(files.book, before, in_force, compiled)))


async def apply(
    conn: Connection, prepared: Prepared, keys: Path | None, base_url: str, deed: Deed, summary: str, advance: Advance
) -> int:
    """Write it as one version, which is returned.

    1. Nobody changes the configuration meanwhile, or did since it was compared.
    2. New practices are enrolled, their keys written to a file of their own before anything is committed.
    3. Every changed practice is woken: workers read its policy at the next judgement.
    """
    if prepared.new and keys is None:
        raise NotDoneError("new practices get keys, shown this once: name a new file for them with --keys keys.csv")
    compiled = prepared.compiled
    policies = [change.after for change in compiled.changes] + ([prepared.provider] if prepared.provider else [])
    with _new_file(keys if prepared.new else None) as file:
        async with conn.transaction():
            await lock_configuration(conn)
            if await newest_version(conn) != prepared.version:
                raise NotDoneError("the configuration was changed meanwhile; apply again to see what is left to do")
            if prepared.book:
                await _refuse_orphans(conn, prepared.book)
            _write_keys(file, await _enrol(conn, prepared.new, deed), base_url)
            return await put_policies(
                conn,
                policies,
                at=deed.at,
                actor=deed.actor,
                summary=summary,
                rules=_body(compiled.rules),
                book=prepared.book,
                advance=advance,
            )


def _changed(book: Book | None, before: Book, in_force: InForce, compiled: Compiled) -> Iterator[Line]:
    """What a new book changes."""
    if book is not None:
        policies = dict(in_force.policies) | {change.after.practice: change.after for change in compiled.changes}
        yield from plan_book(before, book, [one.labels for one in policies.values()])
        if not same_book(before, book):
            yield from (Line(Sign.NOTE, note, 1) for note in unheard(book))


def _orphans(before: Book, after: Book, tickets: Mapping[str, int]) -> Iterator[str]:
    """Channels that would leave tickets behind: one is closed where it was opened, or stays open there for ever."""
    for name, channel in before.channels.items():
        stays = name in after.channels and after.channels[name].kind == channel.kind
        if tickets.get(name) and not stays:
            count = f"{tickets[name]:,} open ticket{'' if tickets[name] == 1 else 's'}"
            yield f"{name!r} ({channel.kind}) would go, and has {count}"


def _orphaned(files: Files, before: Book, tickets: Mapping[str, int]) -> Iterator[Fault]:
    if files.book is None or files.book_document is None:
        return
    for said in _orphans(before, files.book, tickets):
        yield files.book_document.fault(("channels",), said, f"keep it until they are closed; {_NEW_ONES}", of_key=True)


_NEW_ONES = "`tickets` says where new ones go"


async def _refuse_orphans(conn: Connection, book: Book) -> None:
    """Tickets that opened while the plan was read."""
    before = await load_book(conn, await newest_book_version(conn))
    for said in _orphans(before, book, await open_tickets_by_channel(conn)):
        raise NotDoneError(f"{said}; keep it until they are closed; {_NEW_ONES}")


def secret_missing(channel: object, secret: Secret) -> str | None:
    """What hinders a channel's secret from being read here; those of webhooks are keys that sign."""
    read = read_signing_key if isinstance(channel, WebhookChannel) else read_secret
    try:
        read(secret)
    except MissingSecretError as error:
        return str(error)
    return None


def _body(rules: RulesForm | None) -> str | None:
    return rules.model_dump_json(exclude_unset=True) if rules else None


async def _provider(conn: Connection, rules: RulesForm | None) -> Policy | None:
    """The provider's own policy follows the defaults: campaigns are its own."""
    if rules is None:
        return None
    before = await load_policy(conn, PROVIDER) or Policy(practice_id=PROVIDER, practice=PROVIDER_NAME)
    after = with_rules(before, Rulebook(RulesForm(defaults=rules.defaults)))
    return after if after != before else None


def _known_jobs(
    in_force: InForce, compiled: Compiled, reported: Mapping[UUID, tuple[str, ...]]
) -> dict[str, frozenset[str]]:
    """By practice, what is or will be scheduled, and what was reported without."""
    policies = dict(in_force.policies) | {change.after.practice: change.after for change in compiled.changes}
    return {
        name: frozenset(job.job for job in one.jobs.values()) | frozenset(reported.get(one.practice_id, ()))
        for name, one in policies.items()
    }


def _ambiguous(files: Files, in_force: InForce, reported: Mapping[UUID, tuple[str, ...]]) -> Iterator[Fault]:
    """A schedule for a name that several machines bear would hold for none of them."""
    for one in files.practices:
        before = in_force.policies.get(one.practice.name)
        machines = reported.get(before.practice_id, ()) if before else ()
        for number, job in enumerate(one.practice.jobs):
            if job.endpoint and not machine_id(job.endpoint) and machines.count(job.endpoint) > 1:
                message = f"{machines.count(job.endpoint)} machines are named {job.endpoint!r}"
                yield one.fault(("jobs", number, "endpoint"), message, "retire one, or write the id of the one meant")


async def _enrol(conn: Connection, policies: Sequence[Policy], deed: Deed) -> list[Joined]:
    joined = [Joined(one, Credential.mint(Holder.PRACTICE), new_link()) for one in policies]
    if joined:
        practices = [Practice(one.practice_id, one.practice, one.zone) for one in policies]
        await add_practices(conn, practices, [one.link for one in joined], at=deed.at, actor=deed.actor)
        keys = [(one.policy.practice_id, one.key) for one in joined]
        await add_practice_keys(conn, keys, at=deed.at, actor=deed.actor)
        await begin_watch(conn, [one.practice_id for one in practices], deed.at)
    return joined


@contextmanager
def _new_file(path: Path | None) -> Iterator[TextIO]:
    """A file that only its owner can read; gone again where what it tells of did not come to be."""
    if path is None:
        yield StringIO()
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise NotDoneError(f"{path} exists; keys are written once, into a new file") from None
    except OSError as error:
        raise NotDoneError(f"{path} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(handle, "w", newline="", encoding="utf-8") as file:
            yield file
    except BaseException:
        path.unlink()
        raise


def _write_keys(file: TextIO, joined: Sequence[Joined], base_url: str) -> None:
    """On disk before the hashes are committed: a key that is lost cannot be had again."""
    writer = csv.writer(file)
    writer.writerow(["practice", "key", "status page"])
    for one in joined:
        writer.writerow([one.policy.practice, str(one.key), f"{base_url.rstrip('/')}/status/{one.link}"])
    file.flush()
    if not isinstance(file, StringIO):
        os.fsync(file.fileno())
