SELECT content_version FROM tenants WHERE tenant = $1
