UPDATE usage_sendings SET state = ?4, error = ?5, next_at = ?6,
  first_at = CASE WHEN ?7 = 1 THEN NULL ELSE first_at END
WHERE tenant = ?1 AND id = ?2 AND attempts = ?3 AND state = 'waiting'
