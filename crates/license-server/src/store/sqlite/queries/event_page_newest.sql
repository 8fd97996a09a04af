SELECT seq, at, kind, subject, details
FROM events WHERE tenant = ?1 AND seq < ?2
  AND (?4 IS NULL OR kind = ?4)
  AND (?5 IS NULL OR substr(kind, 1, length(?5)) = ?5)
ORDER BY seq DESC LIMIT ?3
