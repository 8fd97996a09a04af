SELECT
  current_setting('server_version_num')::bigint,
  current_setting('server_version'),
  rolname::text,
  rolsuper,
  rolbypassrls,
  current_setting('synchronous_commit'),
  current_setting('fsync'),
  current_setting('full_page_writes'),
  pg_is_in_recovery(),
  current_setting('default_transaction_read_only'),
  current_setting('server_encoding'),
  current_setting('idle_in_transaction_session_timeout')
FROM pg_roles WHERE rolname = current_user
