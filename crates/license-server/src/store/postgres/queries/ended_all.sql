SELECT body FROM ended_leases WHERE tenant = $1 AND pool = $2
