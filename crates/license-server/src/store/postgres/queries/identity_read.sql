SELECT identity,
  concat_ws('/', system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8), pg_database.oid,
    'pools'::regclass::oid),
  now_lease, first_seq
FROM lease_clock CROSS JOIN fencing CROSS JOIN pg_control_system()
  JOIN pg_database ON datname = current_database()
  LEFT JOIN database_identity ON true
