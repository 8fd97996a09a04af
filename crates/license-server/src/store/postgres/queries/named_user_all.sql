SELECT id, email, assigned_at, assigned_by, since_lease, removed_at
FROM named_users WHERE tenant = $1 AND pool = $2 ORDER BY since_lease, id
