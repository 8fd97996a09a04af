INSERT INTO pools (tenant, pool, terms, next_seq, held, ceiling, counters, now_lease, lifted_to)
SELECT $1, $2, $3, $4, $5, $6, $7, now_lease, $4 FROM lease_clock
ON CONFLICT DO NOTHING
