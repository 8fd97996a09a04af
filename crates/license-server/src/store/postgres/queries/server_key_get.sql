SELECT server_key FROM tenants WHERE tenant = $1
