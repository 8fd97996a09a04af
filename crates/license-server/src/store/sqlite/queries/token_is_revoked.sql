SELECT EXISTS (
  SELECT 1 FROM api_tokens
  WHERE tenant = ?1 AND 'token:' || id = ?2 AND revoked_at IS NOT NULL)
