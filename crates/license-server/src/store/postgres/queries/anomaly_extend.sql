UPDATE anomalies SET seen = greatest(seen, $3), last_at = greatest(last_at, $4)
WHERE tenant = $1 AND id = $2
