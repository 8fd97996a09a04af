SELECT license FROM superseded_licenses
WHERE tenant = ?1 AND successor IN (SELECT value FROM json_each(?2))
