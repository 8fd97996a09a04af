WITH changes AS (
  SELECT subject AS pool, at / 3600000 AS hour, seq,
    CASE kind WHEN 'seat.granted' THEN 1 ELSE -1 END AS delta
  FROM events
  WHERE tenant = $1 AND seq > $2 AND seq <= $3 AND kind IN ('seat.granted', 'seat.ended')
), running AS (
  SELECT pool, hour, delta, sum(delta) OVER (PARTITION BY pool ORDER BY seq) AS held FROM changes
)
SELECT pool, hour * 3600000, max(held)::bigint, sum(delta)::bigint FROM running
GROUP BY pool, hour ORDER BY pool, hour
