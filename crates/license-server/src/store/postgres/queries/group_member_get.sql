SELECT is_administrator FROM group_members WHERE tenant = $1 AND group_id = $2 AND account = $3
