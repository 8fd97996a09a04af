UPDATE fencing SET first_seq = LEAST($2,
  GREATEST(first_seq + 1, $1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint))
RETURNING first_seq
