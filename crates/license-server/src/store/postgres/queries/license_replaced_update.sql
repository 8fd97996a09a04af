UPDATE license_terms SET replaced_at = coalesce((SELECT min(terms.starts_at)
    FROM licenses
    JOIN superseded_licenses AS replaced ON replaced.tenant = licenses.tenant AND replaced.license = licenses.id
    JOIN licenses AS successor ON successor.tenant = replaced.tenant AND successor.id = replaced.successor
    JOIN license_terms AS terms ON terms.tenant = successor.tenant AND terms.number = successor.number
    WHERE licenses.tenant = $1 AND licenses.number = license_terms.number
      AND terms.is_revoked = 0), 9223372036854775807)
WHERE tenant = $1 AND number IN (SELECT number FROM licenses
  WHERE tenant = $1 AND id IN (SELECT unnest($2::text[])))
