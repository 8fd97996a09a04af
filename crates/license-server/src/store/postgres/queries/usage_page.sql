SELECT number, license, digest, product, report, entries, received_at
FROM usage_reports WHERE tenant = $1 AND number > $2 ORDER BY number LIMIT $3
