SELECT last FROM last_events WHERE tenant = ?1
