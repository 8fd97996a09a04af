UPDATE tenants SET last_event = (SELECT last FROM last_events WHERE tenant = ?1)
WHERE tenant = ?1 AND last_event < (SELECT last FROM last_events WHERE tenant = ?1)
