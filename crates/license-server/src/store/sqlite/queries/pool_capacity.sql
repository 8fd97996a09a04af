SELECT count(*), coalesce(sum(CASE WHEN seats < 4294967295 THEN seats ELSE 0 END), 0)
FROM license_terms INDEXED BY license_terms_by_seats
WHERE tenant = ?1 AND seats IS NOT NULL
  AND seats_until > ?2 AND starts_at <= ?2 AND replaced_at > ?2 AND is_revoked = 0
