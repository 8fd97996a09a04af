DELETE FROM anomalies WHERE tenant = ?1 AND last_at < ?2
