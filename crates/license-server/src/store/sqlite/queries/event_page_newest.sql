SELECT seq, at, kind, subject, details
FROM events WHERE tenant = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3
