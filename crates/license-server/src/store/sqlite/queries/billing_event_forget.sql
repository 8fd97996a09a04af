DELETE FROM billing_events WHERE (tenant, provider, id) IN (
  SELECT tenant, provider, id FROM billing_events
  WHERE tenant = ?1 AND state <> 'waiting'
    AND received_at < CASE kind WHEN ?4 THEN ?3 ELSE ?2 END LIMIT 500)
