UPDATE activations SET receipt = coalesce(receipt, $3), state = 'deactivated'
WHERE tenant = $1 AND nonce = $2
