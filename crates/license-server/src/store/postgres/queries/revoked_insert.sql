INSERT INTO revoked_licenses (tenant, product, issuer, license)
SELECT $1::text, $2::text, $3::text, unnest($4::text[])
ON CONFLICT DO NOTHING
RETURNING license
