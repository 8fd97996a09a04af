SELECT seq, format, at, actor, address, action, subject, former, details, hash
FROM audit WHERE tenant = $1 AND actor = $2 ORDER BY seq DESC LIMIT $3
