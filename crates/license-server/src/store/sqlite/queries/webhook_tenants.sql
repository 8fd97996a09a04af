SELECT tenant FROM tenants WHERE webhooks > 0 ORDER BY tenant
