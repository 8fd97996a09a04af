DELETE FROM provider_values WHERE tenant = ?1 AND expires_at <= ?2
