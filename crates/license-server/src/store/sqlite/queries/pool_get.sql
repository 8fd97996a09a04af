SELECT terms, counters FROM pools WHERE tenant = ?1 AND pool = ?2
