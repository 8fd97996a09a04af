SELECT id, kind, api_version, is_live, created_at, received_at, body, state, subscription, attempts,
  next_at, note, provider
FROM billing_events
WHERE tenant = $1 AND provider = $2 AND (received_at, id) < ($3, $4)
  AND ($5::text = '' OR state = $5)
ORDER BY received_at DESC, id DESC LIMIT $6
