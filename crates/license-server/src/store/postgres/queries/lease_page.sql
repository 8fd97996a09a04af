SELECT body FROM leases WHERE tenant = $1 AND pool = $2 AND session > $3 ORDER BY session LIMIT $4
