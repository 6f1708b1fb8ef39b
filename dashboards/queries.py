"""What each panel asks of the database: one constant a panel, read as a member of vigie_reader.

Grafana fills in `$__timeFilter(column)`, `$__timeFrom()`, `$__timeTo()`, `$__interval_ms` and `$practice`. Buckets
are cut with date_bin, since plain PostgreSQL has no time_bucket. A practice that was never judged is unknown.
"""

PRACTICES = """
    SELECT name AS __text, practice_id::text AS __value
    FROM vigie.practice
    WHERE retired_at IS NULL AND kind = 'practice'
    ORDER BY name
"""
# Put in for "All" as it stands: shorter than five thousand ids. Customers lost since are in it, and the provider.
EVERY_PRACTICE = "SELECT practice_id FROM vigie.practice"

PRACTICES_BY_STATE = """
    SELECT
        count(*) FILTER (WHERE n.state = 'critical') AS "Critical",
        count(*) FILTER (WHERE n.state = 'warning') AS "Warning",
        count(*) FILTER (WHERE coalesce(n.state, 'unknown') = 'unknown') AS "Unknown",
        count(*) FILTER (WHERE n.state = 'ok') AS "OK"
    FROM vigie.practice AS p
    LEFT JOIN vigie.practice_now AS n USING (practice_id)
    WHERE p.retired_at IS NULL AND p.kind = 'practice' AND p.practice_id IN ($practice)
"""

INCIDENTS_BY_RULE = """
    SELECT rule AS "Rule",
        count(*) FILTER (WHERE severity = 'critical') AS "Critical",
        count(*) FILTER (WHERE severity = 'warning') AS "Warning",
        count(*) FILTER (WHERE severity = 'notice') AS "Notice"
    FROM vigie.incident
    WHERE state <> 'resolved' AND practice_id IN ($practice)
    GROUP BY rule
    ORDER BY "Critical" DESC, "Warning" DESC, "Notice" DESC, rule
"""

PRACTICES_WORST_FIRST = """
    SELECT p.name AS "Practice",
        coalesce(n.state, 'unknown') AS "State",
        CASE WHEN n.practice_id IS NULL THEN 'never_judged' ELSE n.reason END AS "Reason",
        coalesce(n.since, p.created_at) AS "Since",
        coalesce(n.incidents, 0) AS "Incidents",
        extract(epoch FROM now() - n.oldest_good_at)::bigint AS "Oldest good backup",
        coalesce(n.endpoints, 0) AS "Endpoints",
        coalesce(n.jobs, 0) AS "Jobs",
        p.practice_id::text AS "practice_id"
    FROM vigie.practice AS p
    LEFT JOIN vigie.practice_now AS n USING (practice_id)
    WHERE p.retired_at IS NULL AND p.kind = 'practice' AND p.practice_id IN ($practice)
    ORDER BY array_position(ARRAY['critical', 'warning', 'unknown', 'ok'], coalesce(n.state, 'unknown')),
        coalesce(n.incidents, 0) DESC, n.oldest_good_at NULLS FIRST, p.name
    LIMIT 500
"""

JOBS_BY_AGE = """
    WITH job AS (
        SELECT j.last_good_at, extract(epoch FROM now() - j.last_good_at) / nullif(j.rpo_s, 0) AS spent
        FROM vigie.job_now AS j
        JOIN vigie.practice AS p USING (practice_id)
        WHERE j.state <> 'retired' AND p.retired_at IS NULL AND j.practice_id IN ($practice)
    )
    SELECT
        count(*) FILTER (WHERE last_good_at IS NULL) AS "No good backup",
        count(*) FILTER (WHERE spent > 2) AS "Beyond twice the RPO",
        count(*) FILTER (WHERE spent > 1 AND spent <= 2) AS "Beyond the RPO",
        count(*) FILTER (WHERE spent > 0.5 AND spent <= 1) AS "Within the RPO",
        count(*) FILTER (WHERE spent <= 0.5) AS "Within half the RPO",
        count(*) FILTER (WHERE last_good_at IS NOT NULL AND spent IS NULL) AS "No RPO agreed"
    FROM job
"""

# Never a good backup first, then the largest part of the RPO, then the oldest without one.
JOBS_WORST_FIRST = """
    SELECT p.name AS "Practice", j.endpoint AS "Endpoint", j.job AS "Job", j.tool AS "Tool", j.state AS "State",
        j.reason AS "Reason",
        extract(epoch FROM now() - j.last_good_at)::bigint AS "Would lose",
        j.rpo_s AS "RPO",
        (extract(epoch FROM now() - j.last_good_at) / nullif(j.rpo_s, 0))::float8 AS "Of the RPO",
        j.copies_score AS "3-2-1-1-0",
        j.last_run_at AS "Last run",
        j.last_status AS "Last status"
    FROM vigie.job_now AS j
    JOIN vigie.practice AS p USING (practice_id)
    WHERE j.state <> 'retired' AND p.retired_at IS NULL AND j.practice_id IN ($practice)
    ORDER BY j.last_good_at IS NOT NULL, "Of the RPO" DESC NULLS LAST, j.last_good_at, p.name, j.job
    LIMIT 200
"""

# A job without a due instant has no schedule; one without a run never reported, missed by now or not yet.
JOBS_NOT_WATCHED = """
    SELECT p.name AS "Practice", j.endpoint AS "Endpoint", j.job AS "Job",
        CASE WHEN j.due_at IS NULL THEN 'never_scheduled' ELSE 'never_reported' END AS "Lacks",
        j.state AS "State", j.tool AS "Tool", j.last_run_at AS "Last run", j.due_at AS "Due"
    FROM vigie.job_now AS j
    JOIN vigie.practice AS p USING (practice_id)
    WHERE (j.due_at IS NULL OR j.last_run_at IS NULL)
        AND j.state <> 'retired' AND p.retired_at IS NULL AND j.practice_id IN ($practice)
    ORDER BY "Lacks", j.due_at, p.name, j.job
    LIMIT 200
"""

# Whole buckets only, or both ends would look like a fall; an empty one is a zero and no line drawn across.
HEARTBEATS_A_MINUTE = """
    WITH span AS (
        SELECT stride,
            date_bin(stride, $__timeFrom()::timestamptz, '2000-01-01T00:00Z') + stride AS first,
            date_bin(stride, least($__timeTo()::timestamptz, now()), '2000-01-01T00:00Z') - stride AS last
        FROM (VALUES ($__interval_ms * INTERVAL '1 millisecond')) AS asked (stride)
    ), bucket AS (
        SELECT generate_series(first, last, stride) AS at FROM span
    ), heard AS (
        SELECT date_bin($__interval_ms * INTERVAL '1 millisecond', received_at, '2000-01-01T00:00Z') AS at,
            count(*) AS heartbeats
        FROM vigie.heartbeat_visible
        WHERE $__timeFilter(received_at) AND practice_id IN ($practice)
        GROUP BY 1
    )
    SELECT at AS "time", (coalesce(heartbeats, 0) * 60000.0 / $__interval_ms)::float8 AS "Heartbeats"
    FROM bucket
    LEFT JOIN heard USING (at)
    ORDER BY at
"""

# The projection may lag behind by an interval and its grace: those that it shows as silent longest are looked
# up in the series itself.
ENDPOINTS_BY_LAST_SEEN = """
    WITH silent AS (
        SELECT e.practice_id, e.endpoint_id, e.name, e.role, e.state, e.reason, e.agent, e.last_seen_at,
            e.lost_heartbeats, p.name AS practice
        FROM vigie.endpoint_now AS e
        JOIN vigie.practice AS p USING (practice_id)
        WHERE e.state <> 'retired' AND p.retired_at IS NULL AND e.practice_id IN ($practice)
        ORDER BY e.last_seen_at
        LIMIT 100
    )
    SELECT s.practice AS "Practice", s.name AS "Endpoint", s.role AS "Role", s.state AS "State",
        s.reason AS "Reason",
        extract(epoch FROM now() - greatest(s.last_seen_at, h.received_at))::bigint AS "Silent for",
        greatest(s.last_seen_at, h.received_at) AS "Last seen",
        s.lost_heartbeats AS "Lost in a day",
        s.agent AS "Agent"
    FROM silent AS s
    LEFT JOIN LATERAL (
        SELECT v.received_at FROM vigie.heartbeat_visible AS v
        WHERE v.practice_id = s.practice_id AND v.endpoint_id = s.endpoint_id AND v.received_at > s.last_seen_at
        ORDER BY v.received_at DESC
        LIMIT 1
    ) AS h ON true
    ORDER BY "Last seen", s.practice, s.name
"""

CLOCK_SKEW = """
    SELECT p.name AS "Practice", e.name AS "Endpoint", e.role AS "Role", e.skew_s AS "Skew"
    FROM vigie.endpoint_now AS e
    JOIN vigie.practice AS p USING (practice_id)
    WHERE e.skew_s <> 0 AND e.state <> 'retired' AND p.retired_at IS NULL AND e.practice_id IN ($practice)
    ORDER BY abs(e.skew_s) DESC, p.name, e.name
    LIMIT 20
"""

MISSING_PATCHES = """
    SELECT p.name AS "Practice", e.name AS "Endpoint", e.os AS "System", e.missing_patches AS "Missing",
        extract(epoch FROM now() - e.patches_scanned_at)::bigint AS "Scanned"
    FROM vigie.endpoint_now AS e
    JOIN vigie.practice AS p USING (practice_id)
    WHERE e.missing_patches > 0 AND e.state <> 'retired' AND p.retired_at IS NULL AND e.practice_id IN ($practice)
    ORDER BY e.missing_patches DESC, e.patches_scanned_at, p.name, e.name
    LIMIT 20
"""

INCIDENTS_OVER_TIME = """
    WITH span AS (
        SELECT stride,
            date_bin(stride, $__timeFrom()::timestamptz, '2000-01-01T00:00Z') AS first,
            least($__timeTo()::timestamptz, now()) AS last
        FROM (VALUES ($__interval_ms * INTERVAL '1 millisecond')) AS asked (stride)
    ), bucket AS (
        SELECT generate_series(first, last, stride) AS at FROM span
    ), happened AS (
        SELECT opened_at AS at, 1 AS opened, 0 AS resolved FROM vigie.incident
        WHERE $__timeFilter(opened_at) AND practice_id IN ($practice)
        UNION ALL
        SELECT resolved_at, 0, 1 FROM vigie.incident
        WHERE $__timeFilter(resolved_at) AND practice_id IN ($practice)
    ), counted AS (
        SELECT date_bin($__interval_ms * INTERVAL '1 millisecond', at, '2000-01-01T00:00Z') AS at,
            sum(opened) AS opened, sum(resolved) AS resolved
        FROM happened
        GROUP BY 1
    )
    SELECT at AS "time", coalesce(opened, 0) AS "Opened", coalesce(resolved, 0) AS "Resolved"
    FROM bucket
    LEFT JOIN counted USING (at)
    ORDER BY at
"""

DELAY_TO_OPEN = """
    SELECT date_bin($__interval_ms * INTERVAL '1 millisecond', opened_at, '2000-01-01T00:00Z') AS "time",
        percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM opened_at - since)::float8) AS "p50",
        percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM opened_at - since)::float8) AS "p99"
    FROM vigie.incident
    WHERE $__timeFilter(opened_at) AND practice_id IN ($practice)
    GROUP BY 1
    ORDER BY 1
"""

OPEN_TICKETS = """
    SELECT p.name AS "Practice", t.severity AS "Severity", t.title AS "Title", t.opened_at AS "Opened",
        count(i.incident_id) AS "Incidents",
        count(i.incident_id) FILTER (WHERE i.state = 'acknowledged') AS "Acknowledged"
    FROM vigie.ticket AS t
    JOIN vigie.practice AS p USING (practice_id)
    LEFT JOIN vigie.incident AS i
        ON i.practice_id = t.practice_id AND i.ticket_id = t.ticket_id AND i.state <> 'resolved'
    WHERE t.state = 'open' AND t.practice_id IN ($practice)
    GROUP BY t.practice_id, t.ticket_id, p.name
    ORDER BY array_position(ARRAY['critical', 'warning', 'notice'], t.severity), t.opened_at
    LIMIT 200
"""

UNSENT_MESSAGES = """
    SELECT channel AS "Channel", count(*) FILTER (WHERE dead_at IS NULL) AS "Waiting",
        count(dead_at) AS "Given up",
        extract(epoch FROM now() - min(created_at) FILTER (WHERE dead_at IS NULL))::bigint AS "Oldest",
        max(attempts) AS "Attempts",
        min(not_before) FILTER (WHERE dead_at IS NULL) AS "Next attempt",
        (array_agg(last_error ORDER BY not_before DESC) FILTER (WHERE last_error IS NOT NULL))[1] AS "Last error"
    FROM vigie.outbox
    WHERE sent_at IS NULL AND practice_id IN ($practice)
    GROUP BY channel
    ORDER BY "Oldest" DESC NULLS LAST, channel
"""

# Islands and gaps over all collectors, from the first that ever listened; with none, all of the range is one gap.
# 20 seconds; source: collector/store/listening.py, TOLERATED.
LISTENING_GAPS = """
    WITH asked AS (
        SELECT greatest($__timeFrom()::timestamptz, (SELECT min(up_from) FROM vigie.listening)) AS since,
            least($__timeTo()::timestamptz, now()) AS until
    ), span AS (
        SELECT since AS up_from, since AS up_to FROM asked WHERE since < until
        UNION ALL
        SELECT greatest(l.up_from, since), l.up_to FROM vigie.listening AS l, asked
        WHERE l.up_to >= since AND l.up_from <= until
        UNION ALL
        SELECT until, until FROM asked WHERE since < until
    ), reached AS (
        SELECT up_from,
            max(up_to) OVER (ORDER BY up_from, up_to ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS covered
        FROM span
    )
    SELECT covered AS "time", up_from AS "timeend", 'We were not listening' AS "text",
        extract(epoch FROM up_from - covered)::bigint AS "Length"
    FROM reached
    WHERE up_from - covered > INTERVAL '3 seconds'
    UNION ALL
    SELECT began_at, coalesce(ended_at, until), 'The way to us was broken',
        extract(epoch FROM coalesce(ended_at, until) - began_at)::bigint
    FROM vigie.shortfall, asked
    WHERE began_at <= until AND coalesce(ended_at, until) >= since
    ORDER BY "time" DESC
"""
