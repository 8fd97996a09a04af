INSERT INTO machines (tenant, license, machine, version, first_seen, last_seen)
VALUES (?1, ?2, ?3, ?4, ?5, ?5)
ON CONFLICT (tenant, license, machine) DO UPDATE
SET version = coalesce(excluded.version, version), last_seen = max(last_seen, excluded.last_seen)
