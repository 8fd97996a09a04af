SELECT count(*) FROM identity_providers WHERE tenant = $1
