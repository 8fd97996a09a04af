UPDATE named_users SET removed_at = $4
WHERE tenant = $1 AND pool = $2 AND id = $3 AND removed_at IS NULL
