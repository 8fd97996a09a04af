UPDATE trials SET next_at = $3 WHERE tenant = $1 AND id = $2 AND next_at IS NOT NULL
