UPDATE tenants SET server_key = $3
WHERE tenant = $1 AND server_key IS NOT DISTINCT FROM $2
