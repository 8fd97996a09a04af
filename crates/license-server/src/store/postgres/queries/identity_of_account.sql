SELECT issuer, subject, email, created_at, used_at
FROM identities WHERE tenant = $1 AND account = $2 ORDER BY issuer, subject
