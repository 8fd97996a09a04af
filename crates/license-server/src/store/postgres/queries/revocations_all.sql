SELECT product, issuer, seq, armor, digest, imported_at
FROM revocation_lists WHERE tenant = $1 ORDER BY product, issuer
