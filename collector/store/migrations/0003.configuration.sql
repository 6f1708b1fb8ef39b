-- Configuration's one truth. A version is one change by one person, of any number of
-- practices; a practice's policy in force is the
-- body with its highest version, and those before it stay, so that the past can be judged by its own rules.

CREATE TABLE vigie.configuration (
    version    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    applied_at timestamptz NOT NULL,
    applied_by text NOT NULL,
    summary    text NOT NULL
);
GRANT SELECT ON vigie.configuration TO vigie_worker;

-- What was said of the rules, where a version changed it: practices enrolled later are compiled with the newest.
CREATE TABLE vigie.rules (
    version bigint PRIMARY KEY REFERENCES vigie.configuration,
    body    jsonb NOT NULL
);
GRANT SELECT ON vigie.rules TO vigie_worker;

CREATE TABLE vigie.policy (
    practice_id uuid NOT NULL REFERENCES vigie.practice,
    version     bigint NOT NULL REFERENCES vigie.configuration,
    body        jsonb NOT NULL,
    PRIMARY KEY (practice_id, version)
);
CALL vigie.guard('vigie.policy');
GRANT SELECT ON vigie.policy TO vigie_worker, vigie_reader;
