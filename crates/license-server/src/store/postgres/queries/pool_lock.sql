SELECT terms, counters, version, now_lease, deadline_lease, redis_epoch, lifted_to
FROM pools WHERE tenant = $1 AND pool = $2 FOR UPDATE
