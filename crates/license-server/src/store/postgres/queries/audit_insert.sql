INSERT INTO audit (tenant, seq, at, actor, action, subject, details, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
