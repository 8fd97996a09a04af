SELECT seq, format, at, actor, address, action, subject, former, details, hash
FROM audit WHERE tenant = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3
