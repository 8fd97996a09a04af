INSERT INTO nodes (node, name, version, started_at, seen_lease)
SELECT $1, $2, $3, $4, now_lease FROM lease_clock
ON CONFLICT (node) DO UPDATE SET seen_lease = excluded.seen_lease
