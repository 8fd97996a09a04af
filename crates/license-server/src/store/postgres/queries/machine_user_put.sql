INSERT INTO machine_users (tenant, email, license, machine, first_seen, last_seen)
SELECT tenant, $2, license, machine, $5, $5
FROM machines WHERE tenant = $1 AND license = $3 AND machine = $4
ON CONFLICT (tenant, email, license, machine) DO UPDATE
SET last_seen = greatest(machine_users.last_seen, excluded.last_seen)
