SELECT license FROM superseded_licenses
WHERE tenant = $1 AND successor IN (SELECT unnest($2::text[]))
