SELECT s.id, s.digest, s.account, s.organization, s.created_at, s.last_used_at, s.expires_at, s.address, s.user_agent, s.provider,
  a.id, a.email, a.name, a.password, a.totp_secret, a.totp_step, a.created_at, a.verified_at
FROM sessions s JOIN accounts a ON a.id = s.account WHERE s.digest = ?1
