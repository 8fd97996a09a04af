INSERT INTO pools (tenant, pool, terms, next_seq, held, ceiling, counters)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
