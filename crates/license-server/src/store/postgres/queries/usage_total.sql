SELECT count(*), coalesce(sum(bytes), 0)::bigint
FROM usage_reports WHERE tenant = $1 AND license = $2
