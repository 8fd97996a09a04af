UPDATE tenants SET trust_set = NULL WHERE tenant = $1 AND trust_set = $2
