SELECT id, email, assigned_at, assigned_by, since_lease, removed_at, pool
FROM named_users WHERE tenant = ?1 AND email = ?2 ORDER BY pool
