DELETE FROM sessions WHERE account = ?1 AND organization = ?2
