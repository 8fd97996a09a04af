SELECT body FROM leases WHERE tenant = $1 AND pool = $2
