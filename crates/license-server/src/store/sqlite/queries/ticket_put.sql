INSERT INTO tickets (tenant, pool, ticket, session, body) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (tenant, pool, ticket) DO UPDATE SET session = excluded.session, body = excluded.body
