SELECT now_lease, first_seq, restored_lease, CASE is_on WHEN 1 THEN redis_epoch.epoch ELSE 0 END,
  owner, lease_clock.epoch, run_id
FROM lease_clock, fencing, redis_epoch
