DELETE FROM usage_facts WHERE ctid IN (
  SELECT ctid FROM usage_facts WHERE tenant = $1 AND day < $2 LIMIT 1000)
