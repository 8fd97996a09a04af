SELECT id, kind, license, seen, threshold, first_at, last_at, state, dismissed_at, dismissed_by, note
FROM anomalies WHERE tenant = ?1 AND id = ?2
