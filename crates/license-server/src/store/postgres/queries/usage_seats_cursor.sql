SELECT seats_event, seats_until FROM usage_cursors WHERE tenant = $1
