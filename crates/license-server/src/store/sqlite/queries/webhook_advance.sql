UPDATE webhooks SET after_event = ?3 WHERE tenant = ?1 AND id = ?2
