INSERT INTO activations
  (tenant, number, nonce, license, machine, request, requested_at, answer, answered_at, receipt, state)
VALUES ($1, (SELECT coalesce(max(number), 0) + 1 FROM activations WHERE tenant = $1),
  $2, $3, $4, $5, $6, NULL, NULL, NULL, 'waiting')
