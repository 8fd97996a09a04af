DELETE FROM ended_leases WHERE tenant = $1 AND pool = $2 AND session = ANY ($3)
