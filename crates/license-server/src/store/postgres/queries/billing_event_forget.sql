DELETE FROM billing_events WHERE (tenant, provider, id) IN (
  SELECT tenant, provider, id FROM billing_events
  WHERE tenant = $1 AND state <> 'waiting'
    AND received_at < CASE kind WHEN $4::text THEN $3::bigint ELSE $2::bigint END LIMIT 500)
