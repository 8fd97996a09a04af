INSERT INTO billing_events (tenant, provider, id, kind, api_version, is_live, created_at, received_at,
  body, state, attempts, next_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'waiting', 0, ?8)
ON CONFLICT (tenant, provider, id) DO NOTHING
