WITH events AS (
  SELECT installation, day, event FROM telemetry_events
  WHERE tenant = ?1 AND day BETWEEN ?2 AND ?3
), counts (installation, day, event, kind, name, used, refused) AS (
  SELECT installation, day, event, 'event', '', 1, 0 FROM events
  UNION ALL
  SELECT installation, day, event, 'dropped', '', event ->> '$.dropped', 0 FROM events
  WHERE event ->> '$.dropped' > 0
  UNION ALL
  SELECT installation, day, event, 'quota', key, value ->> '$.used', value ->> '$.refused'
  FROM events, json_each(event, '$.quotas')
  UNION ALL
  SELECT installation, day, event, 'refused_feature', key, 0, value
  FROM events, json_each(event, '$.refused_features')
  UNION ALL
  SELECT installation, day, event, 'denial', key, value, 0
  FROM events, json_each(event, '$.denials')
)
SELECT day, event ->> '$.product', event ->> '$.version', event ->> '$.tier', event ->> '$.os',
  event ->> '$.arch', kind, name, count(DISTINCT installation), sum(used), sum(refused)
FROM counts GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
HAVING count(DISTINCT installation) >= ?6
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8 LIMIT ?4 OFFSET ?5
