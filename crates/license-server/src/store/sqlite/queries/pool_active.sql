SELECT tenant, pool FROM pools AS active
WHERE held > 0
   OR EXISTS (SELECT 1 FROM tickets WHERE tenant = active.tenant AND pool = active.pool)
   OR EXISTS (SELECT 1 FROM ended_leases WHERE tenant = active.tenant AND pool = active.pool)
