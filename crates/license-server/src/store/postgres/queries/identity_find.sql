SELECT i.account, m.role
FROM identities i JOIN members m ON m.tenant = i.tenant AND m.account = i.account
WHERE i.tenant = $1 AND i.issuer = $2 AND i.subject = $3
