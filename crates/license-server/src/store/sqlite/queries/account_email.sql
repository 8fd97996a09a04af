UPDATE accounts SET email = ?2, verified_at = ?3 WHERE id = ?1
  AND NOT EXISTS (SELECT 1 FROM accounts WHERE email = ?2 AND id <> ?1)
