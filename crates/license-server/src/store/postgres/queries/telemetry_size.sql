SELECT count(*),
  (SELECT count(*) FROM telemetry_installations WHERE tenant = $1),
  coalesce(sum(octet_length(event)), 0)::bigint
FROM telemetry_events WHERE tenant = $1
