SELECT tenant, installed_at FROM licenses WHERE tenant <> 'site' AND id = $1
UNION ALL
SELECT tenant, installed_at FROM licenses WHERE tenant <> 'site' AND key = $1
UNION ALL
SELECT tenant, installed_at FROM licenses WHERE tenant <> 'site' AND short_key = $1
ORDER BY installed_at, tenant LIMIT 1
