UPDATE tenants SET webhooks = (SELECT count(*) FROM webhooks WHERE tenant = $1)
WHERE tenant = $1
