INSERT INTO account_links (digest, purpose, email, account, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6)
