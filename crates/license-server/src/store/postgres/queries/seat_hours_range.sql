SELECT hour, capacity_low, capacity_high, held_high, held_ms, full_ms, granted, overage, queued, waits,
  waited_ms, longest_wait_ms, abandoned, queue_high
FROM seat_hours WHERE tenant = $1 AND pool = $2 AND hour >= $3 AND hour < $4 ORDER BY hour
