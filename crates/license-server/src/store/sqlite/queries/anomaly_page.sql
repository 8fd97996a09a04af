SELECT id, kind, license, seen, threshold, first_at, last_at, state, dismissed_at, dismissed_by, note
FROM anomalies WHERE tenant = ?1 AND (?2 = '' OR id < ?2) AND (?3 = '' OR state = ?3)
ORDER BY id DESC LIMIT ?4
