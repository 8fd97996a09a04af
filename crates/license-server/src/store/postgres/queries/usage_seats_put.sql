INSERT INTO usage_facts
  (tenant, license, kind, source, name, customer, day, quantity, digest, is_counted)
VALUES ($1, $2, 'seats', $3, '', $2, $4, $5, '', 1)
ON CONFLICT (tenant, license, kind, source, name) DO UPDATE SET quantity = excluded.quantity
WHERE excluded.quantity > usage_facts.quantity
