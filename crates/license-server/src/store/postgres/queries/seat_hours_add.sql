INSERT INTO seat_hours
  (tenant, pool, hour, capacity_low, capacity_high, held_high, held_ms, full_ms, granted, overage,
   queued, waits, waited_ms, longest_wait_ms, abandoned, queue_high)
SELECT $1, added.*
FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
  $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[],
  $14::bigint[], $15::bigint[], $16::bigint[]) AS added
WHERE NOT EXISTS (SELECT 1 FROM deleted_tenants WHERE id = $1)
ON CONFLICT (tenant, pool, hour) DO UPDATE
SET capacity_low = least(seat_hours.capacity_low, excluded.capacity_low),
    capacity_high = greatest(seat_hours.capacity_high, excluded.capacity_high),
    held_high = greatest(seat_hours.held_high, excluded.held_high),
    held_ms = seat_hours.held_ms + excluded.held_ms,
    full_ms = seat_hours.full_ms + excluded.full_ms,
    granted = seat_hours.granted + excluded.granted,
    overage = seat_hours.overage + excluded.overage,
    queued = seat_hours.queued + excluded.queued,
    waits = seat_hours.waits + excluded.waits,
    waited_ms = seat_hours.waited_ms + excluded.waited_ms,
    longest_wait_ms = greatest(seat_hours.longest_wait_ms, excluded.longest_wait_ms),
    abandoned = seat_hours.abandoned + excluded.abandoned,
    queue_high = greatest(seat_hours.queue_high, excluded.queue_high)
