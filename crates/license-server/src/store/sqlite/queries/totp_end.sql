UPDATE accounts SET totp_secret = NULL, totp_step = NULL
WHERE id = ?1 AND totp_secret IS NOT NULL
