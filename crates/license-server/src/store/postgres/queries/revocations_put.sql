INSERT INTO revocation_lists (tenant, product, issuer, seq, armor, digest, imported_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant, product, issuer) DO UPDATE
SET seq = excluded.seq, armor = excluded.armor, digest = excluded.digest,
    imported_at = excluded.imported_at
WHERE revocation_lists.seq < excluded.seq
