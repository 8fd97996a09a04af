DELETE FROM seat_denials WHERE tenant = $1 AND (pool, hour, code) IN (
  SELECT pool, hour, code FROM seat_denials WHERE tenant = $1 AND hour < greatest($2,
    (SELECT hour + 1 FROM seat_denials WHERE tenant = $1 ORDER BY hour DESC LIMIT 1 OFFSET $3))
  LIMIT 10000)
