UPDATE pools SET
  terms = $3, next_seq = $4, held = $5, ceiling = $6, counters = $7, version = $8, now_lease = $9,
  deadline_lease = $10, redis_epoch = $11, lifted_to = $12
WHERE tenant = $1 AND pool = $2
