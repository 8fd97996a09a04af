SELECT count(*), coalesce(min(number), 0), coalesce(max(number), 0)
FROM usage_reports WHERE tenant = $1 AND number <= $2
