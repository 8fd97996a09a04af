SELECT tenant FROM tenants WHERE had_license = 1 ORDER BY tenant
