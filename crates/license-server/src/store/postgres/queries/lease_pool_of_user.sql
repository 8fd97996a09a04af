SELECT DISTINCT pool FROM leases
WHERE tenant = $1 AND lower(body::json #>> '{holder,user}') = $2 ORDER BY pool LIMIT 100
