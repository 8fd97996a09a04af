SELECT m.tenant, t.name, m.role, m.joined_at, m.entered_at
FROM members m LEFT JOIN tenants t ON t.tenant = m.tenant
WHERE m.account = $1 ORDER BY m.tenant
