UPDATE activations
SET answer = ?3, answered_at = ?4, state = iif(state = 'waiting', 'answered', state)
WHERE tenant = ?1 AND nonce = ?2
