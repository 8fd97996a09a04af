UPDATE anomalies SET seen = max(seen, ?3), last_at = max(last_at, ?4)
WHERE tenant = ?1 AND id = ?2
