SELECT g.name FROM group_members m JOIN groups g ON g.tenant = m.tenant AND g.id = m.group_id
WHERE m.tenant = ?1 AND m.account = ?2 ORDER BY g.name
