SELECT count(*), min(received_at) FROM billing_events WHERE tenant = ?1 AND state = 'waiting'
