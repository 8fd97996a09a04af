SELECT had_license FROM tenants WHERE tenant = $1
