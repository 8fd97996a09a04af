UPDATE members SET entered_at = ?3 WHERE tenant = ?1 AND account = ?2
