INSERT INTO machines (tenant, license, machine, version, first_seen, last_seen)
SELECT $1, license, machine, version, first_seen, last_seen
FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
  AS seen (license, machine, version, first_seen, last_seen)
ON CONFLICT (tenant, license, machine) DO UPDATE
SET version = coalesce(excluded.version, machines.version),
    last_seen = greatest(machines.last_seen, excluded.last_seen)
RETURNING license, xmax = 0
