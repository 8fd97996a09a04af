SELECT node, name, version, started_at, now_lease - seen_lease, node IS NOT DISTINCT FROM owner,
  redis_run IS NOT NULL
FROM nodes, lease_clock ORDER BY started_at, node
