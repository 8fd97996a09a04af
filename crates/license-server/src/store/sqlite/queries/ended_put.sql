INSERT INTO ended_leases (tenant, pool, session, seq, ended_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (tenant, pool, session) DO UPDATE
SET seq = excluded.seq, ended_at = excluded.ended_at, body = excluded.body
