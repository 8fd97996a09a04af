SELECT license, count(*) FROM machines
WHERE tenant = $1 AND first_seen >= $2 GROUP BY license HAVING count(*) >= $3
ORDER BY count(*) DESC, license LIMIT 1000
