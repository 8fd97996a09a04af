SELECT id FROM groups WHERE tenant = $1 AND name = $2
