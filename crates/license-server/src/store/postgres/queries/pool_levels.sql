SELECT pool, (terms::jsonb ->> 'capacity')::bigint, held, next_seq,
  (SELECT count(*) FROM tickets WHERE tickets.tenant = $1 AND tickets.pool = pools.pool
     AND tickets.body::jsonb ->> 'offered_until' IS NOT NULL),
  (SELECT count(*) FROM tickets WHERE tickets.tenant = $1 AND tickets.pool = pools.pool
     AND tickets.body::jsonb ->> 'offered_until' IS NULL),
  ceiling
FROM pools WHERE tenant = $1 AND deadline_lease IS NOT NULL
ORDER BY pool
