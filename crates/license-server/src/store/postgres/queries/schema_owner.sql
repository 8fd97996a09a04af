SELECT pg_has_role(relowner, 'USAGE'), current_user::text
FROM pg_class WHERE oid = to_regclass('schema_version')
