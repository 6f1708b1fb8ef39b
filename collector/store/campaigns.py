"""What is weighed for campaigns: incidents with a signature, of all practices, and how large the fleet is."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from collector.model.campaign import CAMPAIGN, PROVIDER, Campaign, Fleet, Signal
from collector.model.incident import Incident
from collector.store.connect import Connection

_SIGNALS = """
    SELECT i.practice_id, p.name AS practice, i.signature, i.since, coalesce(i.reopened_at, i.opened_at) AS found_at,
        i.state <> 'resolved' AS lasts, p.created_at AS watched_since, i.campaign_id
    FROM incident AS i JOIN practice AS p USING (practice_id)
    WHERE i.signature IS NOT NULL AND coalesce(i.reopened_at, i.opened_at) > $1
"""
_LASTING = """
    SELECT to_jsonb(i) - 'practice_id' FROM incident AS i
    WHERE practice_id = $1 AND rule = $2 AND (state <> 'resolved' OR closing IS NOT NULL) ORDER BY subject
"""
# Those that were merged by hand have no signature that would tell of them.
_MEMBERS = "SELECT DISTINCT practice_id FROM incident WHERE campaign_id = ANY ($1::uuid[]) AND state <> 'resolved'"
_PRACTICES = "SELECT count(*) FROM practice WHERE kind = 'practice' AND retired_at IS NULL"
# The same name as in collector/model/campaign.py.
_TOOLS = """
    SELECT regexp_replace(lower(tool), '[\\s/]+v?\\d.*$', '') AS name, count(DISTINCT practice_id) AS practices
    FROM job_now WHERE last_run_at > $1 AND state <> 'retired' GROUP BY name
"""


async def signals_since(conn: Connection, since: datetime) -> list[Signal]:
    """Found after an instant, over or not."""
    return [Signal(*row) for row in await conn.fetch(_SIGNALS, since)]


async def practices_of_campaigns(conn: Connection, campaign_ids: Collection[UUID]) -> frozenset[UUID]:
    """Where something lasts that belongs to one of them."""
    rows = await conn.fetch(_MEMBERS, list(campaign_ids)) if campaign_ids else []
    return frozenset(row["practice_id"] for row in rows)


async def lasting_campaigns(conn: Connection) -> tuple[Campaign, ...]:
    """Those that speak for their practices still: a moment longer where somebody closed one by hand."""
    return tuple(Campaign.of(one) for one in await lasting_campaign_incidents(conn))


async def lasting_campaign_incidents(conn: Connection) -> list[Incident]:
    return [Incident.model_validate_json(row[0]) for row in await conn.fetch(_LASTING, PROVIDER, CAMPAIGN)]


async def fleet_of(conn: Connection, *, tools_since: datetime | None) -> Fleet:
    """How many practices are watched; with an instant, how many ran each backup tool since, too."""
    practices = await conn.fetchval(_PRACTICES)
    rows = await conn.fetch(_TOOLS, tools_since) if tools_since else []
    return Fleet(practices=practices, tools={row["name"]: row["practices"] for row in rows if row["name"]})
