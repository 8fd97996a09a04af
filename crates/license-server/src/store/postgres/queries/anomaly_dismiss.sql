UPDATE anomalies SET state = 'dismissed', dismissed_at = $3, dismissed_by = $4, note = $5
WHERE tenant = $1 AND id = $2 AND state = 'open'
