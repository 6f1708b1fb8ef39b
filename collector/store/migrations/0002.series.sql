-- What arrives. Intake only appends here, and no row here refers to another table: a foreign key's check
-- would take a share lock on the practice, and whoever locks a practice would hold up a whole batch.

-- A resend arrives at another time, and a hypertable's unique key must hold its time column: so
-- deduplication stands in an ordinary table. It is partitioned by id, which begins with its time (UUIDv7), so that
-- what is past resending goes by the week; `accepted_other` takes the ids of clocks that are far off.
CREATE TABLE vigie.accepted (
    practice_id uuid NOT NULL,
    id          uuid NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (practice_id, id)
) PARTITION BY RANGE (id);
CREATE TABLE vigie.accepted_other PARTITION OF vigie.accepted DEFAULT;
CREATE INDEX accepted_received ON vigie.accepted USING brin (received_at);
CALL vigie.guard('vigie.accepted');
GRANT SELECT, INSERT ON vigie.accepted TO vigie_intake;

-- The smallest UUIDv7 of an instant; its 48 bits count milliseconds from 1970 to 10889.
CREATE FUNCTION vigie.first_id(at timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE
AS $$
    SELECT rpad(lpad(to_hex(
        least(greatest(floor(extract(epoch FROM at) * 1000), 0), 281474976710655)::bigint), 12, '0'), 32, '0')::uuid
$$;

-- Steps of retention, each a transaction of its own: what a step locks it holds for an instant, and it gives up
-- rather than make a commit wait behind it for long. One worker at a time; who comes second finds it done.
-- Makes the partition of the week that begins on a Monday. A week made late takes its rows out of `accepted_other`,
-- locked first: a row that came in between would refuse the partition. Only after weeks without a worker are they many;
-- then intake waits, some seconds for each million of them.
CREATE FUNCTION vigie.make_accepted_week(monday date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = vigie, pg_temp SET lock_timeout = '500ms'
AS $$
DECLARE
    part text := 'accepted_' || to_char(monday, 'YYYYMMDD');
    first uuid := first_id(monday::timestamp AT TIME ZONE 'UTC');
    beyond uuid := first_id((monday + 7)::timestamp AT TIME ZONE 'UTC');
BEGIN
    IF extract(isodow FROM monday) <> 1 THEN
        RAISE EXCEPTION 'no Monday: %', monday;
    END IF;
    IF to_regclass('vigie.' || part) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('vigie:keep_accepted', 0));
    -- Made between our first look and our turn? Asked of the table itself: names are remembered across an advisory lock.
    IF EXISTS (SELECT FROM pg_class WHERE relname = part AND relnamespace = 'vigie'::regnamespace) THEN
        RETURN;
    END IF;
    LOCK TABLE accepted_other IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE %I (LIKE accepted INCLUDING ALL)', part);
    EXECUTE format(
        'WITH early AS (DELETE FROM accepted_other WHERE id >= %L AND id < %L RETURNING *)
         INSERT INTO %I SELECT * FROM early', first, beyond, part);
    EXECUTE format('ALTER TABLE accepted ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, first, beyond);
END
$$;

-- Drops one week that ended before `oldest`; false if there is none. An id of such a week that came since is of a
-- clock weeks behind: it may still be sent again, and moves to `accepted_other`.
CREATE FUNCTION vigie.drop_accepted_week(oldest timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = vigie, pg_temp SET lock_timeout = '500ms'
AS $$
DECLARE
    part text;
    late accepted[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('vigie:keep_accepted', 0));
    SELECT relname INTO part FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'accepted'::regclass AND relname ~ '^accepted_[0-9]{8}$'
        AND to_date(right(relname, 8), 'YYYYMMDD') + 7 <= (oldest AT TIME ZONE 'UTC')::date
    ORDER BY relname LIMIT 1;
    IF part IS NULL THEN
        RETURN false;
    END IF;
    -- So that the look at what came late is short: none may come in between it and the end.
    PERFORM brin_summarize_new_values(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indrelid = to_regclass(part) AND relam = (SELECT oid FROM pg_am WHERE amname = 'brin');
    EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', part);
    EXECUTE format('SELECT array_agg(kept) FROM %I AS kept WHERE received_at >= $1', part) INTO late USING oldest;
    EXECUTE format('ALTER TABLE accepted DETACH PARTITION %I', part);
    INSERT INTO accepted SELECT * FROM unnest(late);
    EXECUTE format('DROP TABLE %I', part);
    RETURN true;
END
$$;

-- Forgets the ids of far-off clocks once they cannot be sent again; row by row, in nobody's way.
CREATE FUNCTION vigie.forget_accepted_other(oldest timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = vigie, pg_temp
AS $$
    DELETE FROM accepted_other WHERE received_at < oldest
$$;
REVOKE ALL ON FUNCTION vigie.make_accepted_week(date), vigie.drop_accepted_week(timestamptz),
    vigie.forget_accepted_other(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vigie.make_accepted_week(date), vigie.drop_accepted_week(timestamptz),
    vigie.forget_accepted_other(timestamptz) TO vigie_worker;

-- One narrow row for each heartbeat. `sent_at` is the endpoint's clock as it was, with its offset;
-- `skew_s` is how far that clock lagged ours, zero within what is tolerated.
CREATE TABLE vigie.heartbeat (
    practice_id   uuid NOT NULL,
    endpoint_id   uuid NOT NULL,
    received_at   timestamptz NOT NULL,
    id            uuid NOT NULL,
    seq           bigint NOT NULL,
    sent_at       timestamptz NOT NULL,
    sent_offset_s integer NOT NULL,
    interval_s    integer NOT NULL,
    queued        integer NOT NULL,
    skew_s        bigint NOT NULL,
    PRIMARY KEY (practice_id, endpoint_id, received_at, id)
);
CREATE INDEX heartbeat_received ON vigie.heartbeat USING brin (received_at);
GRANT SELECT, INSERT ON vigie.heartbeat TO vigie_intake;
GRANT SELECT ON vigie.heartbeat TO vigie_worker;

-- How many heartbeats of its last day never came, by the holes in `seq`, of endpoints that lack any; the first of
-- these holes is older than a day at `lapses_at`.
CREATE TABLE vigie.heartbeat_loss (
    practice_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    lost        bigint NOT NULL CHECK (lost > 0),
    lapses_at   timestamptz NOT NULL,
    PRIMARY KEY (practice_id, endpoint_id)
);
CALL vigie.guard('vigie.heartbeat_loss');
GRANT SELECT, INSERT, UPDATE, DELETE ON vigie.heartbeat_loss TO vigie_worker;

-- A section when it changed. `kind` is the field of the heartbeat, or 'endpoint' for its identity. A run that was
-- told of otherwise has the body of `backups`, the kind 'ping' or 'mail', and no heartbeat; `endpoint_id` is then
-- that of its job, null for one of the whole practice. 'log' is what a ping said, of a practice that opted in.
CREATE TABLE vigie.section (
    practice_id  uuid NOT NULL,
    received_at  timestamptz NOT NULL,
    heartbeat_id uuid NOT NULL,
    kind         text NOT NULL,
    endpoint_id  uuid,
    sent_at      timestamptz NOT NULL,
    skew_s       bigint NOT NULL,
    body         jsonb NOT NULL,
    PRIMARY KEY (practice_id, received_at, heartbeat_id, kind)
);
CREATE INDEX section_received ON vigie.section USING brin (received_at);
GRANT SELECT, INSERT ON vigie.section TO vigie_intake;
GRANT SELECT ON vigie.section TO vigie_worker;

-- Something material happened: the worker takes these rows, and folds the reports that they name.
CREATE TABLE vigie.wake (
    practice_id  uuid NOT NULL,
    wake_id      bigint GENERATED ALWAYS AS IDENTITY,
    received_at  timestamptz NOT NULL,
    heartbeat_id uuid,
    PRIMARY KEY (practice_id, wake_id)
);
CALL vigie.guard('vigie.wake');
GRANT INSERT ON vigie.wake TO vigie_intake;
GRANT SELECT, INSERT, DELETE ON vigie.wake TO vigie_worker;
GRANT INSERT ON vigie.wake TO vigie_api;
GRANT SELECT ON vigie.wake TO vigie_reader;

-- When a collector could commit; what no collector covers is our own outage.
CREATE TABLE vigie.listening (
    collector  text NOT NULL,
    up_from    timestamptz NOT NULL,
    up_to      timestamptz NOT NULL,
    PRIMARY KEY (collector, up_from)
);
CREATE INDEX listening_up_to ON vigie.listening (up_to);
GRANT SELECT, INSERT, UPDATE ON vigie.listening TO vigie_intake;
GRANT SELECT, DELETE ON vigie.listening TO vigie_worker;
GRANT SELECT ON vigie.listening TO vigie_reader;

-- How many heartbeats each collector stored, by slots of a few seconds: against what the fleet owes.
CREATE TABLE vigie.arrived (
    collector  text NOT NULL,
    slot       timestamptz NOT NULL,
    heartbeats bigint NOT NULL,
    PRIMARY KEY (slot, collector)
);
GRANT SELECT, INSERT, UPDATE ON vigie.arrived TO vigie_intake;
GRANT SELECT, DELETE ON vigie.arrived TO vigie_worker;

-- Spans in which far fewer arrived than the fleet owed, though collectors could commit: the way to them was broken.
-- Heartbeats a second, as last seen while it lasted.
CREATE TABLE vigie.shortfall (
    began_at timestamptz PRIMARY KEY,
    ended_at timestamptz,
    owed     double precision NOT NULL,
    arrived  double precision NOT NULL
);
CREATE UNIQUE INDEX shortfall_lasting ON vigie.shortfall ((true)) WHERE ended_at IS NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON vigie.shortfall TO vigie_worker;
GRANT SELECT ON vigie.shortfall TO vigie_reader;

-- When an endpoint was heard: kept when its raw heartbeats are gone. Open while `up_to` is null.
CREATE TABLE vigie.liveness_span (
    practice_id uuid NOT NULL REFERENCES vigie.practice,
    endpoint_id uuid NOT NULL,
    up_from     timestamptz NOT NULL,
    up_to       timestamptz,
    interval_s  integer NOT NULL,
    PRIMARY KEY (practice_id, endpoint_id, up_from)
);
-- With what the fleet owes in it, which is summed over all open spans every few seconds.
CREATE UNIQUE INDEX liveness_span_open ON vigie.liveness_span (practice_id, endpoint_id) INCLUDE (up_from, interval_s)
    WHERE up_to IS NULL;
CALL vigie.guard('vigie.liveness_span');
GRANT SELECT, INSERT, UPDATE, DELETE ON vigie.liveness_span TO vigie_worker;
GRANT SELECT ON vigie.liveness_span TO vigie_reader;

-- Hypertables refuse row security together with columnstore: readers see them through these alone.
CREATE VIEW vigie.heartbeat_visible WITH (security_barrier) AS
    SELECT * FROM vigie.heartbeat WHERE vigie.may_read(practice_id);
CREATE VIEW vigie.section_visible WITH (security_barrier) AS
    SELECT * FROM vigie.section WHERE vigie.may_read(practice_id);
GRANT SELECT ON vigie.heartbeat_visible, vigie.section_visible TO vigie_reader;
