UPDATE machines SET version = coalesce(?4, version), last_seen = max(last_seen, ?5)
WHERE tenant = ?1 AND license = ?2 AND machine = ?3
