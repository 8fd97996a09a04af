SELECT number, nonce, license, machine, request, requested_at, answer, answered_at, receipt, state
FROM activations WHERE tenant = $1 AND state = $2 AND number > $3 ORDER BY number LIMIT $4
