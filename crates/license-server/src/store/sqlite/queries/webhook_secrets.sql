SELECT url, secret, previous_secret, previous_until FROM webhooks WHERE tenant = ?1 AND id = ?2
