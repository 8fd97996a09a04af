INSERT INTO ended_leases (tenant, pool, session, seq, ended_at, body)
SELECT $1, $2, * FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::text[])
ON CONFLICT (tenant, pool, session) DO UPDATE
SET seq = excluded.seq, ended_at = excluded.ended_at, body = excluded.body
