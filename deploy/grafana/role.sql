-- The login that Grafana reads with. After the migrations, as their owner; again to change the password:
--
--   VIGIE_GRAFANA_PASSWORD=... psql "$VIGIE_DATABASE_URL" -f deploy/grafana/role.sql
--
-- or with `-v password=...`, which the machine's other users can read in its list of processes.
-- ALTER ROLE ... SET of a name of our own takes a superuser (PostgreSQL 15 and later), or whom one has said
-- GRANT SET ON PARAMETER vigie.scope TO; on a managed server that is its administrator.
\set ON_ERROR_STOP on
\if :{?password}
\else
    \getenv password VIGIE_GRAFANA_PASSWORD
\endif
\if :{?password}
\else
    \warn 'Set VIGIE_GRAFANA_PASSWORD.'
    SELECT 'no password' :: integer;
\endif

BEGIN;
SET LOCAL client_min_messages = warning;

SELECT 'CREATE ROLE vigie_grafana'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'vigie_grafana') \gexec
ALTER ROLE vigie_grafana LOGIN INHERIT CONNECTION LIMIT 20 PASSWORD :'password';

-- All that it may read is what readers may, and every practice of it.
GRANT vigie_reader TO vigie_grafana;
SELECT format('GRANT CONNECT ON DATABASE %I TO vigie_grafana', current_database()) \gexec
ALTER ROLE vigie_grafana SET vigie.scope = 'fleet';

-- Grafana runs whatever SQL a person with its editor role types.
ALTER ROLE vigie_grafana SET default_transaction_read_only = on;
ALTER ROLE vigie_grafana SET statement_timeout = '30s';
ALTER ROLE vigie_grafana SET jit = off;

COMMIT;
