INSERT INTO machines (tenant, license, machine, version, first_seen, last_seen)
VALUES (?1, ?2, ?3, ?4, ?5, ?5)
ON CONFLICT (tenant, license, machine) DO NOTHING
