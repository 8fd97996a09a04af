SELECT name FROM tenants WHERE tenant = $1
