SELECT count(*), min(next_at), count(DISTINCT webhook) FILTER (WHERE last_error IS NOT NULL)
FROM webhook_deliveries WHERE tenant = $1 AND next_at IS NOT NULL
