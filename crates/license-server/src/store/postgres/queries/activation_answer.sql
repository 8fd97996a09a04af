UPDATE activations
SET answer = $3, answered_at = $4, state = CASE state WHEN 'waiting' THEN 'answered' ELSE state END
WHERE tenant = $1 AND nonce = $2
