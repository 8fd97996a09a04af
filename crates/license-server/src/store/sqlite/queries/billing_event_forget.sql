DELETE FROM billing_events WHERE (tenant, provider, id) IN (
  SELECT tenant, provider, id FROM billing_events
  WHERE tenant = ?1 AND received_at < ?2 AND state <> 'waiting' LIMIT 500)
