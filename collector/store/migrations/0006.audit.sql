-- Who did what: written in the transaction of the deed. No role of a process may change or delete a row.
CREATE TABLE vigie.audit (
    audit_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL,
    actor       text NOT NULL,
    action      text NOT NULL,
    practice_id uuid REFERENCES vigie.practice,
    subject     text NOT NULL,
    detail      jsonb NOT NULL
);
CREATE INDEX audit_of_practice ON vigie.audit (practice_id, audit_id);
CALL vigie.guard('vigie.audit');
GRANT SELECT, INSERT ON vigie.audit TO vigie_worker;
GRANT INSERT ON vigie.audit TO vigie_api;
GRANT SELECT ON vigie.audit TO vigie_reader;
