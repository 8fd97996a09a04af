SELECT DISTINCT pool FROM leases
WHERE tenant = $1 AND (body::jsonb #> '{holder,groups}') ? $2 ORDER BY pool LIMIT 100
