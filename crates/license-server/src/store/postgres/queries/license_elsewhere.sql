-- The tenant of the server has indexes that begin with the tenant, and the others have partial
-- indexes.
SELECT 1 FROM licenses WHERE tenant = 'site' AND id = $2
UNION ALL
SELECT 1 FROM licenses WHERE tenant <> 'site' AND tenant <> $1 AND id = $2
UNION ALL
SELECT 1 FROM licenses WHERE tenant = 'site' AND key = $2
UNION ALL
SELECT 1 FROM licenses WHERE tenant <> 'site' AND tenant <> $1 AND key = $2
UNION ALL
SELECT 1 FROM licenses WHERE tenant = 'site' AND short_key = $2
UNION ALL
SELECT 1 FROM licenses WHERE tenant <> 'site' AND tenant <> $1 AND short_key = $2
UNION ALL
SELECT 1 FROM licenses WHERE tenant = 'site' AND pool = $2
UNION ALL
SELECT 1 FROM licenses WHERE tenant <> 'site' AND tenant <> $1 AND pool = $2
LIMIT 1
