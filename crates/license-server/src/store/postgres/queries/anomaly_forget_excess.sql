DELETE FROM anomalies WHERE tenant = $1 AND id < (
  SELECT id FROM anomalies WHERE tenant = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)
