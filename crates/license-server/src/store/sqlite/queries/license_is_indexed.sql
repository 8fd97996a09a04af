SELECT NOT EXISTS (SELECT 1 FROM licenses WHERE tenant = ?1 AND indexed = 0),
  EXISTS (SELECT 1 FROM revoked_licenses WHERE tenant = ?1)
