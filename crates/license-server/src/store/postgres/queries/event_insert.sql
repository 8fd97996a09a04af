INSERT INTO events (tenant, seq, at, kind, subject, details)
SELECT $1, $2 + number, at, kind, subject, details
FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[])
  WITH ORDINALITY AS new (at, kind, subject, details, number)
