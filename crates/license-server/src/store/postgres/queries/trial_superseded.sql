SELECT id, state, email, customer, machine, is_exception, started_by, requested_at, started_at, ends_at,
  trials.license, reminded, stopped_at, paid, closed_at, next_at,
  replaced.successor
FROM trials JOIN superseded_licenses AS replaced
  ON replaced.tenant = trials.tenant AND replaced.license = trials.license
WHERE trials.tenant = $1 AND state IN ('started', 'reminded', 'ended')
ORDER BY id, replaced.successor LIMIT 100
