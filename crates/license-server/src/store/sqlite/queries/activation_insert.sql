INSERT OR IGNORE INTO activations
  (tenant, number, nonce, license, machine, request, requested_at, answer, answered_at, receipt, state)
SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, ?6, NULL, NULL, NULL, 'waiting'
FROM activations WHERE tenant = ?1
