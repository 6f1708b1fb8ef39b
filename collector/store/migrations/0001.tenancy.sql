-- Who there is: the roles that keep processes apart, practices, their keys and the provider's operators.

CREATE SCHEMA IF NOT EXISTS vigie;

-- Roles belong to the whole server; another database of it may have made them already.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['vigie_intake', 'vigie_worker', 'vigie_reader', 'vigie_api'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
END
$$;

GRANT vigie_reader TO vigie_api;
GRANT vigie_intake, vigie_worker, vigie_api, vigie_reader TO CURRENT_USER;
GRANT USAGE ON SCHEMA vigie TO vigie_intake, vigie_worker, vigie_reader;

-- What a reader may see: `vigie.scope` is 'fleet' or one practice's id; without it, nothing.
CREATE FUNCTION vigie.may_read(practice uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT coalesce(current_setting('vigie.scope', true) IN ('fleet', practice::text), false)
$$;

-- Puts an ordinary table under row security: readers by scope, intake and worker over all practices,
-- since one commit of theirs carries many. What each may do at all is said by its grants.
CREATE PROCEDURE vigie.guard(guarded regclass)
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', guarded);
    EXECUTE format('CREATE POLICY readers ON %s TO vigie_reader USING (vigie.may_read(practice_id))', guarded);
    EXECUTE format('CREATE POLICY pipeline ON %s TO vigie_intake, vigie_worker USING (true)', guarded);
END
$$;

CREATE TABLE vigie.practice (
    practice_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name        text NOT NULL,
    zone        text NOT NULL,
    created_at  timestamptz NOT NULL,
    retired_at  timestamptz
);
CREATE UNIQUE INDEX practice_name ON vigie.practice (name) WHERE retired_at IS NULL;
CALL vigie.guard('vigie.practice');
GRANT SELECT ON vigie.practice TO vigie_intake, vigie_worker, vigie_reader;

-- The secret is kept as a hash; the key id stands in clear, so that a look-up is one index probe.
CREATE TABLE vigie.practice_key (
    practice_id  uuid NOT NULL REFERENCES vigie.practice,
    key_id       text NOT NULL,
    secret_hash  bytea NOT NULL,
    created_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    PRIMARY KEY (practice_id, key_id),
    UNIQUE (key_id)
);
CALL vigie.guard('vigie.practice_key');
GRANT SELECT ON vigie.practice_key TO vigie_intake;

CREATE TABLE vigie.status_link (
    practice_id uuid NOT NULL REFERENCES vigie.practice,
    link        text NOT NULL,
    created_at  timestamptz NOT NULL,
    revoked_at  timestamptz,
    PRIMARY KEY (practice_id, link),
    UNIQUE (link)
);
CALL vigie.guard('vigie.status_link');
GRANT SELECT ON vigie.status_link TO vigie_reader;

-- A visitor with a link has no scope yet: this alone may look past row security, and only at links.
CREATE FUNCTION vigie.practice_of_link(wanted text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = vigie, pg_temp
AS $$
    SELECT practice_id FROM status_link WHERE link = wanted AND revoked_at IS NULL
$$;
REVOKE ALL ON FUNCTION vigie.practice_of_link(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vigie.practice_of_link(text) TO vigie_reader;

-- The provider's people; not of a practice, so outside its row security.
CREATE TABLE vigie.operator (
    operator_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name        text NOT NULL UNIQUE,
    key_id      text NOT NULL UNIQUE,
    secret_hash bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    revoked_at  timestamptz
);
GRANT SELECT ON vigie.operator TO vigie_api;

CREATE TABLE vigie.operator_session (
    session_hash bytea PRIMARY KEY,
    operator_id  uuid NOT NULL REFERENCES vigie.operator,
    expires_at   timestamptz NOT NULL
);
GRANT SELECT, INSERT, DELETE ON vigie.operator_session TO vigie_api;
