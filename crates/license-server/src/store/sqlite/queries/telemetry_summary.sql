WITH events AS (
  SELECT installation, day, event FROM telemetry_events
  WHERE tenant = ?1 AND day BETWEEN ?2 AND ?3 AND event ->> '$.product' = ?4
), counted (installation, day, value, used, refused) AS (
  SELECT installation, day, CASE ?5
      WHEN 'version' THEN coalesce(event ->> '$.version', '')
      WHEN 'os' THEN event ->> '$.os'
      WHEN 'arch' THEN event ->> '$.arch'
      ELSE event ->> '$.tier'
    END, 1, 0
  FROM events WHERE ?5 <> 'quota'
  UNION ALL
  SELECT installation, day, key, value ->> '$.used', value ->> '$.refused'
  FROM events, json_each(event, '$.quotas') WHERE ?5 = 'quota'
), grouped AS (
  SELECT day, value, count(DISTINCT installation) AS installations FROM counted GROUP BY day, value
), named AS (
  SELECT day, CASE WHEN installations >= ?6 THEN value ELSE '(others)' END AS name,
    installation, used, refused
  FROM counted JOIN grouped USING (day, value)
)
SELECT day, name, count(DISTINCT installation), sum(used), sum(refused)
FROM named GROUP BY day, name
HAVING count(DISTINCT installation) >= ?6
ORDER BY day, name LIMIT ?7 OFFSET ?8
