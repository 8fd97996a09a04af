UPDATE api_tokens SET last_used_on = $3
WHERE tenant = $1 AND id = $2 AND (last_used_on IS NULL OR last_used_on < $3)
