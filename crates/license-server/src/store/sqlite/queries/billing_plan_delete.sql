DELETE FROM billing_plans WHERE tenant = ?1 AND provider = ?2 AND price = ?3
