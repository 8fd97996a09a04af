UPDATE usage_sendings SET state = ?3,
  first_at = CASE WHEN ?3 = 'waiting' THEN NULL ELSE first_at END
WHERE tenant = ?1 AND id = ?2 AND state = 'uncertain'
