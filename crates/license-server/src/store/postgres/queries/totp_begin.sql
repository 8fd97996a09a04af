UPDATE accounts SET totp_secret = $2 WHERE id = $1 AND totp_step IS NULL
