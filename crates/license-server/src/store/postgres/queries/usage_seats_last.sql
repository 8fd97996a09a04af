SELECT last_event FROM tenants WHERE tenant = $1
