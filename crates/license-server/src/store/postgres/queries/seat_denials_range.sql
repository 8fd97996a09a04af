SELECT hour, code, count
FROM seat_denials WHERE tenant = $1 AND pool = $2 AND hour >= $3 AND hour < $4 ORDER BY hour, code
