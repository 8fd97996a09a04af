SELECT machine_users.license, machine_users.machine, machines.version, machine_users.first_seen,
  machine_users.last_seen
FROM machine_users JOIN machines USING (tenant, license, machine)
WHERE machine_users.tenant = ?1 AND email = ?2
  AND (machine_users.license, machine_users.machine) > (?3, ?4)
ORDER BY machine_users.license, machine_users.machine LIMIT ?5
