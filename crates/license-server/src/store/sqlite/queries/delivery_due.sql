SELECT webhook, id FROM (
  SELECT webhook, id, next_at,
    row_number() OVER (PARTITION BY webhook ORDER BY next_at, id) AS place
  FROM webhook_deliveries
  WHERE tenant = ?1 AND next_at <= ?2)
WHERE place <= ?3 ORDER BY next_at, id
