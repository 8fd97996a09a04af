INSERT INTO events (tenant, seq, at, kind, subject, details)
SELECT $1, $2 + number, $3, kind, subject, details
FROM unnest($4::text[], $5::text[], $6::text[])
  WITH ORDINALITY AS new (kind, subject, details, number)
