SELECT id, name, created_at FROM groups WHERE tenant = $1 AND id = $2
