UPDATE webhooks
SET failing_since = CASE WHEN failed_at >= $4 THEN coalesce(failing_since, $3) ELSE $3 END,
    failed_at = $3
WHERE tenant = $1 AND id = $2
RETURNING failing_since, disabled IS NULL
