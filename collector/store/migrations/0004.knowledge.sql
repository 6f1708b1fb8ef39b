-- What the fold makes of the series, and when each practice could next change its mind.

CREATE TABLE vigie.snapshot (
    practice_id uuid PRIMARY KEY REFERENCES vigie.practice,
    fold_no     bigint NOT NULL,
    body        jsonb NOT NULL
);
CALL vigie.guard('vigie.snapshot');
GRANT SELECT, INSERT, UPDATE ON vigie.snapshot TO vigie_worker;

-- A past instant is the last checkpoint before it and the reports folded since.
CREATE TABLE vigie.checkpoint (
    practice_id uuid NOT NULL REFERENCES vigie.practice,
    fold_no     bigint NOT NULL,
    taken_at    timestamptz NOT NULL,
    body        jsonb NOT NULL,
    PRIMARY KEY (practice_id, fold_no)
);
CALL vigie.guard('vigie.checkpoint');
GRANT SELECT, INSERT, DELETE ON vigie.checkpoint TO vigie_worker;

-- The order in which reports were folded.
CREATE TABLE vigie.folded (
    practice_id  uuid NOT NULL,
    fold_no      bigint NOT NULL,
    folded_at    timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    heartbeat_id uuid NOT NULL,
    PRIMARY KEY (practice_id, fold_no, folded_at)
);
CREATE INDEX folded_at ON vigie.folded USING brin (folded_at);
GRANT SELECT, INSERT ON vigie.folded TO vigie_worker;

CREATE TABLE vigie.due (
    practice_id   uuid PRIMARY KEY REFERENCES vigie.practice,
    evaluate_at   timestamptz,
    claimed_until timestamptz
);
CREATE INDEX due_evaluate_at ON vigie.due (evaluate_at);
CALL vigie.guard('vigie.due');
GRANT SELECT, INSERT, UPDATE ON vigie.due TO vigie_worker;
GRANT SELECT ON vigie.due TO vigie_reader;
INSERT INTO vigie.due (practice_id) SELECT practice_id FROM vigie.practice WHERE kind = 'provider';

-- Projections: what pages and dashboards read; written with every evaluation, never read by a rule.
CREATE TABLE vigie.practice_now (
    practice_id   uuid PRIMARY KEY REFERENCES vigie.practice,
    state         text NOT NULL,
    reason        text,
    since         timestamptz NOT NULL,
    incidents     integer NOT NULL,
    endpoints     integer NOT NULL,
    jobs          integer NOT NULL,
    oldest_good_at timestamptz,
    evaluated_at  timestamptz NOT NULL
);
CALL vigie.guard('vigie.practice_now');

CREATE TABLE vigie.endpoint_now (
    practice_id      uuid NOT NULL REFERENCES vigie.practice,
    endpoint_id      uuid NOT NULL,
    name             text NOT NULL,
    role             text NOT NULL,
    os               text,
    agent            text,
    state            text NOT NULL,
    reason           text,
    first_seen_at    timestamptz NOT NULL,
    last_seen_at     timestamptz NOT NULL,
    skew_s           bigint NOT NULL,
    missing_patches  integer,
    patches_scanned_at timestamptz,
    protection       text,
    lost_heartbeats  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (practice_id, endpoint_id)
);
CALL vigie.guard('vigie.endpoint_now');

CREATE TABLE vigie.job_now (
    practice_id  uuid NOT NULL REFERENCES vigie.practice,
    subject      text NOT NULL,
    endpoint_id  uuid,
    endpoint     text,
    job          text NOT NULL,
    tool         text,
    state        text NOT NULL,
    reason       text,
    last_run_at  timestamptz,
    last_status  text,
    last_good_at timestamptz,
    bytes_total  bigint,
    due_at       timestamptz,
    missed_at    timestamptz,
    rpo_s        bigint,
    copies_score text,
    copies_missing text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (practice_id, subject)
);
CALL vigie.guard('vigie.job_now');

GRANT SELECT, INSERT, UPDATE, DELETE ON vigie.practice_now, vigie.endpoint_now, vigie.job_now TO vigie_worker;
GRANT SELECT ON vigie.practice_now, vigie.endpoint_now, vigie.job_now TO vigie_reader;
