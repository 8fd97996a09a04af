SELECT m.account,
  coalesce(a.email, (SELECT max(i.email) FROM identities i WHERE i.tenant = m.tenant AND i.account = m.account)),
  a.name, m.role, m.joined_at, a.verified_at IS NOT NULL, a.totp_step IS NOT NULL
FROM members m JOIN accounts a ON a.id = m.account
WHERE m.tenant = ?1 AND m.account = ?2
