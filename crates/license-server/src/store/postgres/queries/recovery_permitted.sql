SELECT 1 FROM accounts WHERE id = $1 AND totp_step IS NOT NULL
