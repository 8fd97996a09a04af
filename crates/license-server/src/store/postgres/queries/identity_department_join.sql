INSERT INTO group_members (tenant, group_id, account, is_administrator, added_at)
SELECT $1::text, id, $2::text, 0::bigint, $4::bigint FROM groups WHERE tenant = $1 AND name = $3
ON CONFLICT (tenant, group_id, account) DO NOTHING
