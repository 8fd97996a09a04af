DELETE FROM seat_denials WHERE (tenant, pool, hour, code) IN (
  SELECT tenant, pool, hour, code FROM seat_denials WHERE tenant = ?1 AND hour < max(?2, coalesce(
    (SELECT hour + 1 FROM seat_denials WHERE tenant = ?1 ORDER BY hour DESC LIMIT 1 OFFSET ?3), ?2))
  LIMIT 10000)
