-- What is wrong and lasts, the ticket it belongs to, and what is still to be sent about it.

-- Keyed by practice and root subject: at most one open ticket for one problem.
CREATE TABLE vigie.ticket (
    practice_id uuid NOT NULL REFERENCES vigie.practice,
    ticket_id   uuid NOT NULL,
    root        text NOT NULL,
    channel     text NOT NULL,
    state       text NOT NULL CHECK (state IN ('open', 'resolved')),
    severity    text NOT NULL,
    title       text NOT NULL,
    opened_at   timestamptz NOT NULL,
    resolved_at timestamptz,
    sequence    integer NOT NULL,
    PRIMARY KEY (practice_id, ticket_id)
);
CREATE UNIQUE INDEX ticket_open_root ON vigie.ticket (practice_id, root) WHERE state = 'open';
CREATE INDEX ticket_newest ON vigie.ticket (opened_at DESC);
CREATE INDEX ticket_recent ON vigie.ticket (practice_id, resolved_at);
CALL vigie.guard('vigie.ticket');
GRANT SELECT, INSERT, UPDATE ON vigie.ticket TO vigie_worker;
GRANT SELECT ON vigie.ticket TO vigie_reader;

CREATE TABLE vigie.incident (
    practice_id     uuid NOT NULL REFERENCES vigie.practice,
    incident_id     uuid NOT NULL UNIQUE,
    rule            text NOT NULL,
    subject         text NOT NULL,
    root            text NOT NULL,
    severity        text NOT NULL,
    reason          text NOT NULL,
    facts           jsonb NOT NULL,
    state           text NOT NULL CHECK (state IN ('open', 'acknowledged', 'resolved')),
    since           timestamptz NOT NULL,
    opened_at       timestamptz NOT NULL,
    reopened_at     timestamptz,
    openings        timestamptz[] NOT NULL DEFAULT '{}',
    flapping        boolean NOT NULL DEFAULT false,
    quiet_since     timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text,
    acknowledged_until timestamptz,
    snoozed_until   timestamptz,
    snoozed_by      text,
    assigned_to     text,
    closing         jsonb,  -- who says that it is over; believed at the next judgement
    resolved_at     timestamptz,
    resolution      text,
    policy_version  bigint NOT NULL,
    escalation      jsonb NOT NULL,
    walk            jsonb NOT NULL,
    told            jsonb NOT NULL DEFAULT '[]',
    messages        integer NOT NULL DEFAULT 0,
    ticket_id       uuid,
    inhibited_by    text,
    signature       text,
    campaign_id     uuid,  -- the incident of the provider that it belongs to, or did while that lasted
    PRIMARY KEY (practice_id, incident_id),
    FOREIGN KEY (practice_id, ticket_id) REFERENCES vigie.ticket
);
CREATE UNIQUE INDEX incident_lasting ON vigie.incident (practice_id, rule, subject) WHERE state <> 'resolved';
CREATE INDEX incident_newest ON vigie.incident (opened_at DESC);
CREATE INDEX incident_lasting_newest ON vigie.incident (opened_at DESC) WHERE state <> 'resolved';
CREATE INDEX incident_recent ON vigie.incident (practice_id, resolved_at);
CREATE INDEX incident_signal ON vigie.incident ((coalesce(reopened_at, opened_at))) WHERE signature IS NOT NULL;
CREATE INDEX incident_of_ticket ON vigie.incident (practice_id, ticket_id);
CALL vigie.guard('vigie.incident');
GRANT SELECT, INSERT, UPDATE ON vigie.incident TO vigie_worker;
GRANT SELECT, UPDATE (state, acknowledged_at, acknowledged_by, acknowledged_until, snoozed_until, snoozed_by,
    assigned_to, closing, campaign_id) ON vigie.incident TO vigie_api;
GRANT SELECT ON vigie.incident TO vigie_reader;

-- What happened to an incident, in order.
CREATE TABLE vigie.incident_event (
    practice_id uuid NOT NULL,
    incident_id uuid NOT NULL,
    event_id    bigint GENERATED ALWAYS AS IDENTITY,
    at          timestamptz NOT NULL,
    what        text NOT NULL,
    said        text NOT NULL,
    actor       text NOT NULL,
    PRIMARY KEY (practice_id, incident_id, event_id),
    FOREIGN KEY (practice_id, incident_id) REFERENCES vigie.incident
);
CALL vigie.guard('vigie.incident_event');
GRANT SELECT, INSERT ON vigie.incident_event TO vigie_worker;
GRANT INSERT ON vigie.incident_event TO vigie_api;
GRANT SELECT ON vigie.incident_event TO vigie_reader;

-- Written in the transaction that decided it. `outbox_id` is the idempotency key that a receiver sees; `about` is the
-- ticket or the incident whose order it keeps. A claim says when a sender began, for what it may have left undone.
CREATE TABLE vigie.outbox (
    practice_id   uuid NOT NULL REFERENCES vigie.practice,
    outbox_id     uuid NOT NULL DEFAULT gen_random_uuid(),
    channel       text NOT NULL,
    about         uuid NOT NULL,
    sequence      integer NOT NULL,
    payload       jsonb NOT NULL,
    form          text GENERATED ALWAYS AS (payload ->> 'form') STORED,
    created_at    timestamptz NOT NULL,
    not_before    timestamptz NOT NULL,
    revived_at    timestamptz,  -- somebody wants it tried again: from then on it has another day
    attempts      integer NOT NULL DEFAULT 0,
    tried_at      timestamptz,
    claimed_until timestamptz,
    sent_at       timestamptz,
    dead_at       timestamptz,  -- given up after a day; an incident of the provider tells so
    last_error    text,
    PRIMARY KEY (practice_id, outbox_id),
    UNIQUE (practice_id, about, channel, sequence)
) WITH (fillfactor = 70);  -- a claim touches no index: with room on its page it stays cheap
CREATE INDEX outbox_unsent ON vigie.outbox (channel, not_before) WHERE sent_at IS NULL AND dead_at IS NULL;
CREATE INDEX outbox_turn ON vigie.outbox (practice_id, about, channel, sequence)
    WHERE coalesce(sent_at, dead_at) IS NULL;  -- written so that no planner takes the index above for it
CREATE INDEX outbox_dead ON vigie.outbox (channel, dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX outbox_sent ON vigie.outbox (sent_at) WHERE sent_at IS NOT NULL;
CALL vigie.guard('vigie.outbox');
GRANT SELECT, INSERT, UPDATE, DELETE ON vigie.outbox TO vigie_worker;
GRANT SELECT ON vigie.outbox TO vigie_reader;

-- How fast a channel may be used, whoever sends by it: the instant up to which its deliveries are spoken for.
CREATE TABLE vigie.channel_pace (
    channel text PRIMARY KEY,
    free_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON vigie.channel_pace TO vigie_worker;
