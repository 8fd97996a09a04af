SELECT trust_set FROM tenants WHERE tenant = $1
