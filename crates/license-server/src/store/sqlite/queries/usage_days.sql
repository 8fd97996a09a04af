SELECT day, kind, name, coalesce(sum(quantity) FILTER (WHERE is_counted = 1), 0),
  coalesce(max(quantity) FILTER (WHERE is_counted = 1), 0),
  coalesce(sum(quantity) FILTER (WHERE is_counted = 0), 0)
FROM usage_facts WHERE tenant = ?1 AND customer = ?2 AND day >= ?3
GROUP BY day, kind, name ORDER BY day, kind, name
