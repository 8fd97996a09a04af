INSERT INTO usage_facts
  (tenant, license, kind, source, name, customer, day, quantity, digest, is_counted)
SELECT $1, f.license, f.kind, f.source, f.name, l.pool, f.day, f.quantity, f.digest, f.is_counted
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[],
  $9::bigint[]) AS f (license, kind, source, name, day, quantity, digest, is_counted)
JOIN licenses l ON l.tenant = $1 AND l.id = f.license
ON CONFLICT (tenant, license, kind, source, name) DO NOTHING
RETURNING customer, day
