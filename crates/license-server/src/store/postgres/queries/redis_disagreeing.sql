SELECT count(*) FROM nodes, lease_clock
WHERE now_lease - seen_lease <= $2 AND redis_run IS DISTINCT FROM $1
