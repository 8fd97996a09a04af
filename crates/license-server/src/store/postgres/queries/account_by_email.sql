SELECT id, email, name, password, totp_secret, totp_step, created_at, verified_at
FROM accounts WHERE email = $1
