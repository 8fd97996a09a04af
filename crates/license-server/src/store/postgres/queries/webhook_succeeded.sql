UPDATE webhooks SET failing_since = NULL, failed_at = NULL
WHERE tenant = $1 AND id = $2 AND failing_since IS NOT NULL
