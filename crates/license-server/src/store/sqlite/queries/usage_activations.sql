INSERT INTO usage_facts
  (tenant, license, kind, source, name, customer, day, quantity, digest, is_counted)
SELECT a.tenant, a.license, 'activation', a.nonce, '', l.pool,
  strftime('%Y-%m-%d', a.answered_at / 1000, 'unixepoch'), 1, '', 1
FROM activations a JOIN licenses l ON l.tenant = a.tenant AND l.id = a.license
WHERE a.tenant = ?1 AND a.answered_at >= ?2
ON CONFLICT (tenant, license, kind, source, name) DO NOTHING
RETURNING customer, day
