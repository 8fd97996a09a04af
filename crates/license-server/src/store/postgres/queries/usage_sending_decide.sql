UPDATE usage_sendings SET state = $3::text,
  first_at = CASE WHEN $3::text = 'waiting' THEN NULL ELSE first_at END
WHERE tenant = $1 AND id = $2 AND state = 'uncertain'
