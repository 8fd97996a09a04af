UPDATE named_users SET removed_at = NULL WHERE tenant = ?1 AND pool = ?2 AND id = ?3
