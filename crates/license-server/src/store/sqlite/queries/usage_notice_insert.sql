INSERT INTO usage_notices (tenant, customer, period, meter, percent, at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (tenant, customer, period, meter, percent) DO NOTHING
