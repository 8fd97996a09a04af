UPDATE accounts SET verified_at = coalesce(verified_at, $2) WHERE id = $1
