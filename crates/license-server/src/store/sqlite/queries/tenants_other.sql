SELECT tenant FROM tenants WHERE tenant <> ?1
