SELECT digest FROM usage_facts
WHERE tenant = ?1 AND license = ?2 AND kind = ?3 AND source = ?4 AND name = ?5
