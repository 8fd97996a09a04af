INSERT INTO ended_leases (tenant, pool, session, seq, body) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (tenant, pool, session) DO UPDATE SET seq = excluded.seq, body = excluded.body
