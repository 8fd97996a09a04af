SELECT 1 FROM machines WHERE tenant = ?1 AND license = ?2 LIMIT 1 OFFSET ?3
