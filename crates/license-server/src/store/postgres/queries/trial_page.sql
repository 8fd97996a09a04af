SELECT id, state, email, customer, machine, is_exception, started_by, requested_at, started_at, ends_at,
  license, reminded, stopped_at, paid, closed_at, next_at
FROM trials
WHERE tenant = $1 AND ($2::text = '' OR id < $2) AND state <> 'requested'
  AND ($3::text = '' OR state = $3)
ORDER BY id DESC LIMIT $4
