DELETE FROM seat_demand WHERE tenant = $1 AND (pool, day, level) IN (
  SELECT pool, day, level FROM seat_demand WHERE tenant = $1 AND day < greatest($2,
    (SELECT day + 1 FROM seat_demand WHERE tenant = $1 ORDER BY day DESC LIMIT 1 OFFSET $3))
  LIMIT 10000)
