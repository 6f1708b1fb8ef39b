"""Attacks on practices of a house, what the provider makes of them, and whom it told."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from collector.judge import Verdict
from collector.model.campaign import PROVIDER
from collector.model.heartbeat import Alert, AlertCategory, AlertSeverity, AlertStatus
from collector.model.policy import Policy
from collector.model.rule_settings import Campaign, RuleSettings
from collector.oversee import oversee
from collector.store.configuration import put_policy
from collector.store.wakes import claim_wanted
from tests.factories import DAY, MINUTE, NOW, endpoint
from tests.integration.house import House, enrol, judge, report, rows


def encryption(n: int, at: datetime, status: AlertStatus = AlertStatus.OPEN) -> Alert:
    return Alert(
        id=f"alert-{n}", at=at, severity=AlertSeverity.HIGH, category=AlertCategory.RANSOMWARE,
        name=f"Ransom:Win32/Strain{n}", status=status,
    )  # fmt: skip


async def practices(house: House, number: int) -> list[UUID]:
    return [(await enrol(house, f"Cabinet {n}", NOW - DAY)).practice.practice_id for n in range(1, number + 1)]


async def struck(house: House, practice_id: UUID, n: int, at: datetime) -> None:
    machine = endpoint(UUID(int=n), "SRV-01")
    await report(house, practice_id, at, endpoint=machine, interval_s=86_400, alerts=(encryption(n, at),))


async def strike(house: House, practice_id: UUID, n: int, at: datetime) -> Verdict:
    """A report of encryption, judged at once."""
    await struck(house, practice_id, n, at)
    return await judge(house, practice_id, at)


async def healed(house: House, practice_id: UUID, n: int, at: datetime) -> None:
    machine = endpoint(UUID(int=n), "SRV-01")
    over = encryption(n, NOW, AlertStatus.REMEDIATED)
    await report(house, practice_id, at, seq=1, endpoint=machine, interval_s=86_400, alerts=(over,))
    await judge(house, practice_id, at)


async def campaigns(house: House) -> list[dict[str, str]]:
    return await rows(
        house,
        """SELECT subject, state, severity, reason, facts ->> 'count' AS count, facts ->> 'practices' AS practices
           FROM incident WHERE practice_id = $1 AND rule = 'campaign' ORDER BY opened_at""",
        PROVIDER,
    )


async def tickets(house: House) -> list[tuple[str, str]]:
    found = await rows(
        house,
        """SELECT p.name, t.state FROM ticket AS t JOIN practice AS p USING (practice_id)
           JOIN incident AS i USING (practice_id, ticket_id) WHERE i.rule IN ('endpoint_alert', 'campaign')
           GROUP BY t.ticket_id, p.name, t.state ORDER BY p.name""",
    )
    return [(row["name"], row["state"]) for row in found]


async def set_for_campaigns(house: House, setting: Campaign, at: datetime = NOW - DAY) -> None:
    policy = Policy(practice_id=PROVIDER, practice="Provider", rules=RuleSettings(campaign=setting))
    async with house.owner.acquire() as conn, conn.transaction():
        await put_policy(conn, policy, at=at, actor="test", summary="campaigns")


async def attack(house: House, practice_ids: Sequence[UUID]) -> None:
    """One practice after the other, a minute apart, the provider after each."""
    for n, practice_id in enumerate(practice_ids, 1):
        await strike(house, practice_id, n, NOW + n * MINUTE)
        await oversee(house.worker, NOW + n * MINUTE)
    await delivered(house)


async def delivered(house: House) -> None:
    """All that was posted went out in time: nothing of it is held."""
    await house.owner.execute("UPDATE outbox SET sent_at = created_at WHERE sent_at IS NULL")


async def claimed(house: House, now: datetime) -> Sequence[UUID]:
    async with house.worker.acquire() as conn:
        return await claim_wanted(conn, now, 100)


async def told_of_provider(house: House) -> list[str]:
    told = await rows(
        house, "SELECT payload ->> 'event' AS event FROM outbox WHERE practice_id = $1 ORDER BY sequence", PROVIDER
    )
    return [row["event"] for row in told]
