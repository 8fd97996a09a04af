SELECT m.account, m.role
FROM members m JOIN accounts a ON a.id = m.account
WHERE m.tenant = $1 AND a.email = $2 AND a.verified_at IS NOT NULL
