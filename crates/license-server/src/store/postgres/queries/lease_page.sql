SELECT body FROM leases WHERE tenant = $1 AND pool = $2 AND seq > $3 ORDER BY seq LIMIT $4
