SELECT group_id, is_administrator FROM group_members
WHERE tenant = $1 AND account = $2 ORDER BY group_id
