INSERT INTO sessions (id, digest, account, organization, created_at, last_used_at, expires_at, address, user_agent, provider)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
