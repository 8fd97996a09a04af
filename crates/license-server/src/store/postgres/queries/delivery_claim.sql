WITH ranked AS (
  SELECT webhook, id, row_number() OVER (PARTITION BY webhook ORDER BY next_at, id) AS place
  FROM webhook_deliveries
  WHERE tenant = $1 AND next_at <= $2 AND NOT webhook = ANY ($6::text[])
), due AS (
  SELECT d.webhook, d.id FROM webhook_deliveries d JOIN ranked USING (webhook, id)
  WHERE d.tenant = $1 AND d.next_at <= $2 AND ranked.place <= $3
  ORDER BY d.next_at, d.id LIMIT $4
  FOR UPDATE OF d SKIP LOCKED
)
UPDATE webhook_deliveries d SET attempts = d.attempts + 1, next_at = $5
FROM due, webhooks w
WHERE d.tenant = $1 AND d.webhook = due.webhook AND d.id = due.id
  AND w.tenant = $1 AND w.id = d.webhook
RETURNING d.webhook, d.id, d.event IS NULL, d.body, d.attempts, d.queued_at,
  w.url, w.secret, w.previous_secret, w.previous_until
