UPDATE named_users SET email = id || '@deleted.invalid'
WHERE tenant = ?1 AND email = ?2 AND removed_at IS NOT NULL
