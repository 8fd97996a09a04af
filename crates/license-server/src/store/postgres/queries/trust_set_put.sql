UPDATE tenants SET trust_set = $2 WHERE tenant = $1 AND trust_set IS NULL
