SELECT digest, purpose, email, account, created_at, expires_at
FROM account_links WHERE digest = ?1 AND purpose = ?2
