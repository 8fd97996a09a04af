SELECT set_config('license_server.tenant', $1, true)
