INSERT INTO usage_facts
  (tenant, license, kind, source, name, customer, day, quantity, digest, is_counted)
SELECT tenant, pool, 'seats',
  to_char(to_timestamp(hour * 3600) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24'), '', pool,
  to_char(to_timestamp(hour * 3600) AT TIME ZONE 'UTC', 'YYYY-MM-DD'), held_high, '', 1
FROM seat_hours WHERE tenant = $1 AND pool <> '' AND hour >= $2 AND held_high > 0
ON CONFLICT (tenant, license, kind, source, name) DO UPDATE SET quantity = excluded.quantity
WHERE excluded.quantity > usage_facts.quantity
RETURNING customer, day
