INSERT INTO seat_hours
  (tenant, pool, hour, capacity_low, capacity_high, held_high, held_ms, full_ms, granted, overage,
   queued, waits, waited_ms, longest_wait_ms, abandoned, queue_high)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16
WHERE NOT EXISTS (SELECT 1 FROM deleted_tenants WHERE id = ?1)
ON CONFLICT (tenant, pool, hour) DO UPDATE
SET capacity_low = min(capacity_low, excluded.capacity_low),
    capacity_high = max(capacity_high, excluded.capacity_high),
    held_high = max(held_high, excluded.held_high),
    held_ms = held_ms + excluded.held_ms,
    full_ms = full_ms + excluded.full_ms,
    granted = granted + excluded.granted,
    overage = overage + excluded.overage,
    queued = queued + excluded.queued,
    waits = waits + excluded.waits,
    waited_ms = waited_ms + excluded.waited_ms,
    longest_wait_ms = max(longest_wait_ms, excluded.longest_wait_ms),
    abandoned = abandoned + excluded.abandoned,
    queue_high = max(queue_high, excluded.queue_high)
