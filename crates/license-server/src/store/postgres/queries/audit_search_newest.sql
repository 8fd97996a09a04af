SELECT seq, format, at, actor, address, action, subject, former, details, hash
FROM audit WHERE tenant = $1 AND seq < $2
  AND ($4::text IS NULL OR action = $4::text)
  AND ($5::text IS NULL OR substr(action, 1, length($5::text)) = $5::text)
  AND ($6::text IS NULL OR subject = $6::text)
  AND ($7::text IS NULL OR at >= $7::text)
  AND ($8::text IS NULL OR at < $8::text)
ORDER BY seq DESC LIMIT $3
