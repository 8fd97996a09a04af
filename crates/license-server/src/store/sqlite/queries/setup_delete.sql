DELETE FROM setup_secrets WHERE tenant = ?1 AND digest = ?2 AND expires_at > ?3
