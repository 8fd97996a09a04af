WITH RECURSIVE revoked (actor) AS (
  SELECT $2::text COLLATE "C"
  UNION
  SELECT 'token:' || t.id FROM api_tokens t JOIN revoked ON t.created_by = revoked.actor
  WHERE t.tenant = $1)
UPDATE api_tokens SET revoked_at = $3
WHERE tenant = $1 AND revoked_at IS NULL AND 'token:' || id IN (SELECT actor FROM revoked)
RETURNING id
