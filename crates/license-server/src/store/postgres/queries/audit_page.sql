SELECT seq, at, actor, action, subject, details, hash
FROM audit WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3
