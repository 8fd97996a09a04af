SELECT state FROM webhook_deliveries WHERE tenant = ?1 AND webhook = ?2 AND id = ?3
