SELECT DISTINCT pool FROM leases
WHERE tenant = ?1 AND EXISTS (
  SELECT 1 FROM json_each(body, '$.holder.groups') AS stated WHERE stated.value = ?2)
ORDER BY pool LIMIT 100
