DELETE FROM leases WHERE tenant = $1 AND pool = $2 AND session = ANY ($3)
