-- What arrives. Intake only appends here, and no row here refers to another table: a foreign key's check
-- would take a share lock on the practice, and whoever locks a practice would hold up a whole batch.

-- A resend arrives at another time, and a hypertable's unique key must hold its time column: so
-- deduplication stands in an ordinary table.
CREATE TABLE vigie.accepted (
    practice_id uuid NOT NULL,
    id          uuid NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (practice_id, id)
);
CREATE INDEX accepted_received ON vigie.accepted USING brin (received_at);
CALL vigie.guard('vigie.accepted');
GRANT SELECT, INSERT ON vigie.accepted TO vigie_intake;

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

-- A section when it changed. `kind` is the field of the heartbeat, or 'endpoint' for its identity.
CREATE TABLE vigie.section (
    practice_id  uuid NOT NULL,
    received_at  timestamptz NOT NULL,
    heartbeat_id uuid NOT NULL,
    kind         text NOT NULL,
    endpoint_id  uuid NOT NULL,
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
GRANT SELECT, DELETE ON vigie.wake TO vigie_worker;
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
GRANT SELECT ON vigie.listening TO vigie_worker, vigie_reader;

-- When an endpoint was heard: kept when its raw heartbeats are gone. Open while `up_to` is null.
CREATE TABLE vigie.liveness_span (
    practice_id uuid NOT NULL REFERENCES vigie.practice,
    endpoint_id uuid NOT NULL,
    up_from     timestamptz NOT NULL,
    up_to       timestamptz,
    interval_s  integer NOT NULL,
    PRIMARY KEY (practice_id, endpoint_id, up_from)
);
CREATE UNIQUE INDEX liveness_span_open ON vigie.liveness_span (practice_id, endpoint_id) WHERE up_to IS NULL;
CALL vigie.guard('vigie.liveness_span');
GRANT SELECT, INSERT, UPDATE ON vigie.liveness_span TO vigie_worker;
GRANT SELECT ON vigie.liveness_span TO vigie_reader;

-- Hypertables refuse row security together with columnstore: readers see them through these alone.
CREATE VIEW vigie.heartbeat_visible WITH (security_barrier) AS
    SELECT * FROM vigie.heartbeat WHERE vigie.may_read(practice_id);
CREATE VIEW vigie.section_visible WITH (security_barrier) AS
    SELECT * FROM vigie.section WHERE vigie.may_read(practice_id);
GRANT SELECT ON vigie.heartbeat_visible, vigie.section_visible TO vigie_reader;
