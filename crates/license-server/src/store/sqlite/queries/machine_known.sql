SELECT 1 FROM machines WHERE tenant = ?1 AND license = ?2 AND machine = ?3
