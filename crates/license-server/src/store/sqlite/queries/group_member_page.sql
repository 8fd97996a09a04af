SELECT account, email, name, is_administrator, added_at
FROM group_members JOIN accounts ON accounts.id = account
WHERE tenant = ?1 AND group_id = ?2 AND account > ?3 ORDER BY account LIMIT ?4
