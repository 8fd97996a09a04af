SELECT
  to_regclass('schema_version') IS NOT NULL,
  (SELECT count(*) FROM pg_class
   WHERE relkind IN ('r', 'p')
     AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
     AND NOT EXISTS (
       SELECT 1 FROM pg_depend
       WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')),
  coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
  current_user::text,
  coalesce(current_schema()::text, 'none')
