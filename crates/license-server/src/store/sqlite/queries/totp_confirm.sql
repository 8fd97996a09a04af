UPDATE accounts SET totp_step = ?2
WHERE id = ?1 AND totp_secret IS NOT NULL AND totp_step IS NULL
