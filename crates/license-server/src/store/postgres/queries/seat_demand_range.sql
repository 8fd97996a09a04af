SELECT level, sum(granted)::bigint, sum(queued)::bigint, sum(denied)::bigint
FROM seat_demand WHERE tenant = $1 AND pool = $2 AND day >= $3 AND day < $4 GROUP BY level
