DELETE FROM revoked_licenses
WHERE tenant = $1 AND product = $2 AND issuer = $3
  AND license NOT IN (SELECT unnest($4::text[]))
RETURNING license
