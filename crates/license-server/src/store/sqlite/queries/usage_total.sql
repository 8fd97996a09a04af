SELECT count(*), coalesce(sum(bytes), 0)
FROM usage_reports WHERE tenant = ?1 AND license = ?2
