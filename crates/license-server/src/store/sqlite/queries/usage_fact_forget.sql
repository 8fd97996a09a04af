DELETE FROM usage_facts WHERE (tenant, license, kind, source, name) IN (
  SELECT tenant, license, kind, source, name FROM usage_facts WHERE tenant = ?1 AND day < ?2 LIMIT 1000)
