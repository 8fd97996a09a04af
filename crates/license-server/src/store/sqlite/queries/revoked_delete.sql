DELETE FROM revoked_licenses
WHERE tenant = ?1 AND product = ?2 AND issuer = ?3
  AND license NOT IN (SELECT value FROM json_each(?4))
RETURNING license
