SELECT 1 FROM setup_secrets WHERE tenant = $1 AND digest = $2 AND expires_at > $3
  AND NOT EXISTS (SELECT 1 FROM api_tokens WHERE tenant = $1)
  AND NOT EXISTS (SELECT 1 FROM members WHERE tenant = $1 AND role = 'owner')
