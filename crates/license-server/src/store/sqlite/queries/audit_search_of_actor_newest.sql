SELECT seq, format, at, actor, address, action, subject, former, details, hash
FROM audit WHERE tenant = ?1 AND seq < ?2 AND actor = ?9
  AND (?4 IS NULL OR action = ?4)
  AND (?5 IS NULL OR substr(action, 1, length(?5)) = ?5)
  AND (?6 IS NULL OR subject = ?6)
  AND (?7 IS NULL OR at >= ?7)
  AND (?8 IS NULL OR at < ?8)
ORDER BY seq DESC LIMIT ?3
