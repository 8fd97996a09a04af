SELECT group_id FROM group_members JOIN accounts ON accounts.id = account
WHERE tenant = $1 AND email = $2 ORDER BY group_id
