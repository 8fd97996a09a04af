SELECT seq, at, kind, subject, details
FROM events WHERE tenant = $1 AND seq < $2
  AND ($4::text IS NULL OR kind = $4::text)
  AND ($5::text IS NULL OR substr(kind, 1, length($5::text)) = $5::text)
ORDER BY seq DESC LIMIT $3
