DELETE FROM group_members WHERE tenant = $1 AND account = $2
  AND group_id IN (SELECT id FROM groups WHERE tenant = $1 AND name = $3)
