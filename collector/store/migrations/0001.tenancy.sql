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
    retired_at  timestamptz,
    keep_logs   boolean NOT NULL DEFAULT false,  -- bodies of pings hold file names: discarded unless it opted in
    kind        text NOT NULL DEFAULT 'practice' CHECK (kind IN ('practice', 'provider')),
    CHECK ((kind = 'provider') = (practice_id = '00000000-0000-8000-8000-000000000001'))
);
CREATE UNIQUE INDEX practice_name ON vigie.practice (name) WHERE retired_at IS NULL AND kind = 'practice';
CALL vigie.guard('vigie.practice');
GRANT SELECT ON vigie.practice TO vigie_intake, vigie_worker, vigie_reader;

-- The provider itself, for its own incidents, tickets and policy: never counted or listed among its practices, and
-- without keys or links. Known to the code as collector.model.campaign.PROVIDER.
INSERT INTO vigie.practice (practice_id, name, zone, created_at, kind)
VALUES ('00000000-0000-8000-8000-000000000001', 'Provider', 'UTC', now(), 'provider');

-- What a key opens follows from its holder: an agent's reports, pings of any of the practice's jobs, or one job (by
-- ping, and by mail where `mail` has rules). The secret is kept as a hash; the key id stands in clear, so that a look-up is one index probe.
CREATE TABLE vigie.practice_key (
    practice_id  uuid NOT NULL REFERENCES vigie.practice,
    key_id       text NOT NULL,
    secret_hash  bytea NOT NULL,
    holder       text NOT NULL CHECK (holder IN ('practice', 'script', 'job')),
    job          text,
    endpoint_id  uuid,
    mail         jsonb,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    PRIMARY KEY (practice_id, key_id),
    UNIQUE (key_id),
    CHECK (practice_id <> '00000000-0000-8000-8000-000000000001'),
    CHECK ((holder = 'job') = (job IS NOT NULL)),
    CHECK (holder = 'job' OR (endpoint_id IS NULL AND mail IS NULL))
);
CALL vigie.guard('vigie.practice_key');
GRANT SELECT ON vigie.practice_key TO vigie_intake;

-- Written now and then by collectors, in a table of its own: intake changes no row that anybody else locks.
CREATE TABLE vigie.key_used (
    practice_id uuid NOT NULL,
    key_id      text NOT NULL,
    used_at     timestamptz NOT NULL,
    PRIMARY KEY (practice_id, key_id)
);
CALL vigie.guard('vigie.key_used');
GRANT SELECT, INSERT, UPDATE ON vigie.key_used TO vigie_intake;

-- The name in a ping's URL, and the jobs that it may mean; a scheduled job has one, `create=1` makes one.
CREATE TABLE vigie.job_slug (
    practice_id uuid NOT NULL REFERENCES vigie.practice,
    slug        text NOT NULL,
    subject     text NOT NULL,
    endpoint_id uuid,
    job         text NOT NULL,
    PRIMARY KEY (practice_id, slug, subject)
);
CALL vigie.guard('vigie.job_slug');
GRANT SELECT, INSERT ON vigie.job_slug TO vigie_intake;

-- Collectors remember keys and slugs; they listen here for what they must forget: a key's id, or a practice's.
CREATE FUNCTION vigie.tell_collectors() RETURNS trigger
LANGUAGE plpgsql SET search_path = vigie, pg_temp
AS $$
BEGIN
    IF TG_TABLE_NAME = 'practice_key' THEN
        PERFORM pg_notify('vigie_keys', 'key:' || NEW.key_id);
    ELSE
        PERFORM pg_notify('vigie_keys', 'practice:' || coalesce(NEW.practice_id, OLD.practice_id));
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER tell_collectors AFTER INSERT OR UPDATE ON vigie.practice_key
    FOR EACH ROW EXECUTE FUNCTION vigie.tell_collectors();
CREATE TRIGGER tell_collectors AFTER INSERT OR UPDATE OR DELETE ON vigie.job_slug
    FOR EACH ROW EXECUTE FUNCTION vigie.tell_collectors();
CREATE TRIGGER tell_collectors AFTER UPDATE ON vigie.practice
    FOR EACH ROW EXECUTE FUNCTION vigie.tell_collectors();

CREATE TABLE vigie.status_link (
    practice_id uuid NOT NULL REFERENCES vigie.practice,
    link        text NOT NULL,
    created_at  timestamptz NOT NULL,
    revoked_at  timestamptz,
    PRIMARY KEY (practice_id, link),
    UNIQUE (link),
    CHECK (practice_id <> '00000000-0000-8000-8000-000000000001')
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
