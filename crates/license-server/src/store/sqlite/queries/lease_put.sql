INSERT INTO leases (tenant, pool, session, seq, until_lease, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (tenant, pool, session) DO UPDATE
SET seq = excluded.seq, until_lease = excluded.until_lease, body = excluded.body
