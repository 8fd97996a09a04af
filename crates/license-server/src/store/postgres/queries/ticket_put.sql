INSERT INTO tickets (tenant, pool, ticket, session, body)
SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[])
ON CONFLICT (tenant, pool, ticket) DO UPDATE SET session = excluded.session, body = excluded.body
