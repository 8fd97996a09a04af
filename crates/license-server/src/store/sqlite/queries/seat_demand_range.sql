SELECT level, sum(granted), sum(queued), sum(denied)
FROM seat_demand WHERE tenant = ?1 AND pool = ?2 AND day >= ?3 AND day < ?4 GROUP BY level
