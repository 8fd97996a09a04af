INSERT INTO audit (tenant, seq, format, at, actor, address, action, subject, former, details, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
