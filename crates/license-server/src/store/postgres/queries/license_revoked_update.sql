UPDATE license_terms SET is_revoked =
  CASE WHEN EXISTS (SELECT 1 FROM licenses
    JOIN revoked_licenses AS revoked ON revoked.tenant = licenses.tenant AND revoked.license = licenses.id
    WHERE licenses.tenant = $1 AND licenses.number = license_terms.number) THEN 1 ELSE 0 END
WHERE tenant = $1 AND number IN (SELECT number FROM licenses
  WHERE tenant = $1 AND id IN (SELECT unnest($2::text[])))
