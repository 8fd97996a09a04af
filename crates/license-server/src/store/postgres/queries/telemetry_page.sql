WITH events AS (
  SELECT installation, day, event::json AS event FROM telemetry_events
  WHERE tenant = $1 AND day BETWEEN $2 AND $3
), counts (installation, day, event, kind, name, used, refused) AS (
  SELECT installation, day, event, 'event', '', 1, 0 FROM events
  UNION ALL
  SELECT installation, day, event, 'dropped', '', (event ->> 'dropped')::bigint, 0 FROM events
  WHERE (event ->> 'dropped')::bigint > 0
  UNION ALL
  SELECT installation, day, event, 'quota', key,
    (value ->> 'used')::bigint, (value ->> 'refused')::bigint
  FROM events, json_each(event -> 'quotas')
  UNION ALL
  SELECT installation, day, event, 'refused_feature', key, 0, (value #>> '{}')::bigint
  FROM events, json_each(event -> 'refused_features')
  UNION ALL
  SELECT installation, day, event, 'denial', key, (value #>> '{}')::bigint, 0
  FROM events, json_each(event -> 'denials')
), named AS (
  SELECT installation, day, (event ->> 'product') COLLATE "C" AS product,
    (event ->> 'version') COLLATE "C" AS version, (event ->> 'tier') COLLATE "C" AS tier,
    (event ->> 'os') COLLATE "C" AS os, (event ->> 'arch') COLLATE "C" AS arch,
    kind COLLATE "C" AS kind, name COLLATE "C" AS name, used, refused
  FROM counts
)
SELECT day, product, version, tier, os, arch, kind, name,
  count(DISTINCT installation), sum(used)::bigint, sum(refused)::bigint
FROM named
GROUP BY day, product, version, tier, os, arch, kind, name
HAVING count(DISTINCT installation) >= $6
ORDER BY day, product, version NULLS FIRST, tier, os, arch, kind, name LIMIT $4 OFFSET $5
