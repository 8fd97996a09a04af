INSERT INTO nodes (node, name, version, started_at, seen_lease, redis_run)
SELECT $1, $2, $3, $4, now_lease, $5 FROM lease_clock
ON CONFLICT (node) DO UPDATE SET seen_lease = excluded.seen_lease, redis_run = excluded.redis_run
