SELECT license, machine, version, first_seen, last_seen
FROM machines WHERE tenant = $1 AND (last_seen, license, machine) < ($2, $3, $4)
ORDER BY last_seen DESC, license DESC, machine DESC LIMIT $5
