UPDATE tenants SET server_key = $2, trust_set = $3, content_version = content_version + 1
WHERE tenant = $1
