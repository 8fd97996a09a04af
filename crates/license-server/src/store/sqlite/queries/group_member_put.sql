INSERT INTO group_members (tenant, group_id, account, is_administrator, added_at)
VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (tenant, group_id, account) DO UPDATE SET is_administrator = excluded.is_administrator
