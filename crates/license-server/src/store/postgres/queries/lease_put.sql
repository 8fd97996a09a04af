INSERT INTO leases (tenant, pool, session, seq, until_lease, body)
SELECT $1, $2, * FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::text[])
ON CONFLICT (tenant, pool, session) DO UPDATE
SET seq = excluded.seq, until_lease = excluded.until_lease, body = excluded.body
