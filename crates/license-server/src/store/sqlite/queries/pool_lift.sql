UPDATE pools SET
  next_seq = max(next_seq, ?1),
  counters = json_set(counters, '$.next_seq', max(next_seq, ?1))
