DELETE FROM named_users
WHERE tenant = ?1 AND pool = ?2 AND removed_at IS NOT NULL AND since_lease <= ?3
