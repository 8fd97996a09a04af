INSERT INTO billing_plans (tenant, provider, price, tier, seats, features)
SELECT ?1, ?2, ?3, ?4, ?5, ?6
WHERE (SELECT count(*) FROM billing_plans WHERE tenant = ?1 AND provider = ?2 AND price <> ?3) < ?7
ON CONFLICT (tenant, provider, price) DO UPDATE
SET tier = excluded.tier, seats = excluded.seats, features = excluded.features
