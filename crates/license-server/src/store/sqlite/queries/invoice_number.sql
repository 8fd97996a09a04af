INSERT INTO invoice_numbers (tenant, entity, year, last) VALUES (?1, ?2, ?3, 1)
ON CONFLICT (tenant, entity, year) DO UPDATE SET last = invoice_numbers.last + 1
RETURNING last
