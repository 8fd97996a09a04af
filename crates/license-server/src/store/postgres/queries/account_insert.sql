INSERT INTO accounts (id, email, name, password, totp_secret, totp_step, created_at, verified_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (email) DO NOTHING
