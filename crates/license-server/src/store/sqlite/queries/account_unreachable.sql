SELECT 1 FROM accounts WHERE id = ?1 AND email IS NULL AND password IS NULL
