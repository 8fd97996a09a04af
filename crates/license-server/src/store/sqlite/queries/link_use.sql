DELETE FROM account_links WHERE digest = ?1 AND purpose = ?2 AND expires_at > ?3
RETURNING digest, purpose, email, account, created_at, expires_at
