SELECT license, machine, version, first_seen, last_seen
FROM machines WHERE tenant = $1 AND (license, machine) > ($2, $3)
ORDER BY license, machine LIMIT $4
