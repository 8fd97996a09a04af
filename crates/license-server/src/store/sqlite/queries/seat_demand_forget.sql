DELETE FROM seat_demand WHERE (tenant, pool, day, level) IN (
  SELECT tenant, pool, day, level FROM seat_demand WHERE tenant = ?1 AND day < max(?2, coalesce(
    (SELECT day + 1 FROM seat_demand WHERE tenant = ?1 ORDER BY day DESC LIMIT 1 OFFSET ?3), ?2))
  LIMIT 10000)
