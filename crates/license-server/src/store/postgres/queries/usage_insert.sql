INSERT INTO usage_reports
  (tenant, number, license, digest, product, report, bytes, entries, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
