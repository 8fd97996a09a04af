SELECT 1 FROM api_tokens WHERE tenant = $1 AND id = $2
