DELETE FROM seat_hours WHERE tenant = $1 AND (pool, hour) IN (
  SELECT pool, hour FROM seat_hours WHERE tenant = $1 AND hour < greatest($2,
    (SELECT hour + 1 FROM seat_hours WHERE tenant = $1 ORDER BY hour DESC LIMIT 1 OFFSET $3))
  LIMIT 10000)
