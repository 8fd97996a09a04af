DELETE FROM pool_changes WHERE tenant = $1 AND pool = $2 AND version <= $3
