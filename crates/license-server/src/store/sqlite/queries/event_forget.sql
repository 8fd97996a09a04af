DELETE FROM events WHERE tenant = ?1 AND seq IN (
  SELECT seq FROM events
  WHERE tenant = ?1
    AND (at < ?2 OR seq <= (SELECT last FROM last_events WHERE tenant = ?1) - ?3)
  ORDER BY seq LIMIT 10000)
