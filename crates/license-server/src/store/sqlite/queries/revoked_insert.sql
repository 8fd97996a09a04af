INSERT INTO revoked_licenses (tenant, product, issuer, license)
SELECT ?1, ?2, ?3, value FROM json_each(?4) WHERE true
ON CONFLICT DO NOTHING
RETURNING license
