UPDATE webhooks SET previous_secret = secret, previous_until = $4, secret = $3
WHERE tenant = $1 AND id = $2
