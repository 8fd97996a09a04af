SELECT number, nonce, license, machine, request, requested_at, answer, answered_at, receipt, state
FROM activations WHERE tenant = $1 AND nonce = $2
