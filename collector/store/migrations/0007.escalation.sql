-- Who is told what, when and how; what is silenced; and what ticket systems know of our tickets.

-- What escalation.yaml said, where a version changed it.
CREATE TABLE vigie.escalation (
    version bigint PRIMARY KEY REFERENCES vigie.configuration,
    body    jsonb NOT NULL
);
GRANT SELECT ON vigie.escalation TO vigie_worker, vigie_api;

-- Expiring, scoped, reasoned. What one person cannot silence needs `approved_by`, who is somebody else.
CREATE TABLE vigie.silence (
    silence_id  uuid PRIMARY KEY,
    scope       jsonb NOT NULL,
    since       timestamptz NOT NULL,
    until       timestamptz NOT NULL CHECK (until > since),
    weekly      jsonb,
    reason      text NOT NULL CHECK (reason <> ''),
    by          text NOT NULL,
    approved_by text CHECK (approved_by <> by),
    ended_at    timestamptz,
    ended_by    text
);
CREATE INDEX silence_lasting ON vigie.silence (until) WHERE ended_at IS NULL;
GRANT SELECT ON vigie.silence TO vigie_worker;
GRANT SELECT, INSERT, UPDATE (approved_by, ended_at, ended_by) ON vigie.silence TO vigie_api;

-- A ticket as its ticket system calls it. Written before one is asked for, so that what a lost answer left behind is
-- looked for: `asks` counts the creates that may have made one. `replaced` is one that was deleted there. `seen` is how
-- far what people did there has been read.
CREATE TABLE vigie.ticket_remote (
    practice_id uuid NOT NULL,
    ticket_id   uuid NOT NULL,
    channel     text NOT NULL,
    asked_at    timestamptz NOT NULL,
    asks        integer NOT NULL DEFAULT 1,
    remote_id   text,
    url         text,
    made_at     timestamptz,
    replaced    text,
    seen        text,
    PRIMARY KEY (practice_id, ticket_id),
    FOREIGN KEY (practice_id, ticket_id) REFERENCES vigie.ticket
);
CREATE INDEX ticket_remote_id ON vigie.ticket_remote (channel, remote_id);
CALL vigie.guard('vigie.ticket_remote');
GRANT SELECT, INSERT, UPDATE ON vigie.ticket_remote TO vigie_worker;
GRANT SELECT ON vigie.ticket_remote TO vigie_reader;

-- What came back from ticket systems and was taken: each event once.
CREATE TABLE vigie.inbound (
    channel  text NOT NULL,
    event_id text NOT NULL,
    taken_at timestamptz NOT NULL,
    PRIMARY KEY (channel, event_id)
);
CREATE INDEX inbound_age ON vigie.inbound (taken_at);
GRANT SELECT, INSERT, DELETE ON vigie.inbound TO vigie_worker;
GRANT SELECT, INSERT ON vigie.inbound TO vigie_api;

-- Ticket systems that are asked what people did there, and Alertmanagers that are told again what lasts: until `due_at`
-- nobody does, or one worker is at it.
CREATE TABLE vigie.poll (
    channel text PRIMARY KEY,
    due_at  timestamptz NOT NULL,
    cursor  text
);
GRANT SELECT, INSERT, UPDATE ON vigie.poll TO vigie_worker;
