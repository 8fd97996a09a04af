DELETE FROM usage_notices WHERE tenant = ?1 AND period < ?2
