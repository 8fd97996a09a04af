SELECT pg_notify('license_server_tickets', $1)
