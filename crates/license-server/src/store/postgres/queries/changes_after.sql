SELECT changes FROM pool_changes WHERE tenant = $1 AND pool = $2 AND version > $3 ORDER BY version
