INSERT INTO recovery_codes (account, digest) VALUES ($1, $2)
