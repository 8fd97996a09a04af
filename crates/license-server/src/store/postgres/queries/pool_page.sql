SELECT DISTINCT pool FROM licenses WHERE tenant = $1 AND pool > $2 ORDER BY pool LIMIT $3
