WITH events AS (
  SELECT installation, day, event::json AS event FROM telemetry_events
  WHERE tenant = $1 AND day BETWEEN $2 AND $3 AND event::json ->> 'product' = $4
), counted (installation, day, value, used, refused) AS (
  SELECT installation, day, CASE $5::text
      WHEN 'version' THEN coalesce(event ->> 'version', '')
      WHEN 'os' THEN event ->> 'os'
      WHEN 'arch' THEN event ->> 'arch'
      ELSE event ->> 'tier'
    END COLLATE "C", 1::bigint, 0::bigint
  FROM events WHERE $5::text <> 'quota'
  UNION ALL
  SELECT installation, day, key COLLATE "C",
    (value ->> 'used')::bigint, (value ->> 'refused')::bigint
  FROM events, json_each(event -> 'quotas') WHERE $5::text = 'quota'
), grouped AS (
  SELECT day, value, count(DISTINCT installation) AS installations FROM counted GROUP BY day, value
), named AS (
  SELECT day, CASE WHEN installations >= $6 THEN value ELSE '(others)' END COLLATE "C" AS name,
    installation, used, refused
  FROM counted JOIN grouped USING (day, value)
)
SELECT day, name, count(DISTINCT installation), sum(used)::bigint, sum(refused)::bigint
FROM named GROUP BY day, name
HAVING count(DISTINCT installation) >= $6
ORDER BY day, name LIMIT $7 OFFSET $8
