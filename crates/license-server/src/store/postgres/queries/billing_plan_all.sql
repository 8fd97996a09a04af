SELECT price, tier, seats, features FROM billing_plans
WHERE tenant = $1 AND provider = $2 ORDER BY price
