SELECT s.id, s.digest, s.account, s.organization, s.created_at, s.last_used_at, s.expires_at, s.address, s.user_agent, s.provider
FROM sessions s WHERE s.account = ?1 ORDER BY s.created_at DESC, s.id DESC
