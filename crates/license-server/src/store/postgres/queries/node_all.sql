SELECT nodes.name, nodes.version, nodes.started_at,
  GREATEST(lease_clock.now_lease - nodes.seen_lease, 0), nodes.node = lease_clock.owner, nodes.redis_ok
FROM nodes, lease_clock ORDER BY nodes.name, nodes.node
