INSERT INTO license_terms
  (tenant, number, name, tier, issued_at, starts_at, ends_at, seats, seats_until,
   is_revoked, replaced_at)
SELECT ?1, number, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
  CASE WHEN EXISTS (SELECT 1 FROM revoked_licenses AS revoked
    WHERE revoked.tenant = ?1 AND revoked.license = ?2) THEN 1 ELSE 0 END,
  coalesce((SELECT min(terms.starts_at)
    FROM superseded_licenses AS replaced
    JOIN licenses AS successor ON successor.tenant = replaced.tenant AND successor.id = replaced.successor
    JOIN license_terms AS terms ON terms.tenant = successor.tenant AND terms.number = successor.number
    WHERE replaced.tenant = ?1 AND replaced.license = ?2 AND terms.is_revoked = 0), 9223372036854775807)
FROM licenses WHERE tenant = ?1 AND id = ?2
