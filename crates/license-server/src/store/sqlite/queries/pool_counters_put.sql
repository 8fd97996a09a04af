UPDATE pools SET next_seq = ?3, held = ?4, ceiling = ?5, counters = ?6
WHERE tenant = ?1 AND pool = ?2
