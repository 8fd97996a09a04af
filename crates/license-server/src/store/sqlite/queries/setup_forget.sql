DELETE FROM setup_secrets WHERE tenant = ?1
