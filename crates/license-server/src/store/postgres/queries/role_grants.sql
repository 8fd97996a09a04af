-- The statements that let a role use the tables of the current role, also those of later migrations.
SELECT
  $1 = current_user,
  format(
    'GRANT USAGE ON SCHEMA %1$I TO %2$I;
     GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %1$I TO %2$I;
     ALTER DEFAULT PRIVILEGES IN SCHEMA %1$I
       GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %2$I',
    current_schema(), rolname)
FROM pg_roles WHERE rolname = $1
