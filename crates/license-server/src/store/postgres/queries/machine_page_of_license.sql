SELECT license, machine, version, first_seen, last_seen
FROM machines WHERE tenant = $1 AND license = $2 AND machine > $3
ORDER BY machine LIMIT $4
