DELETE FROM machines WHERE tenant = ?1 AND license = ?2 AND machine IN (
  SELECT machine FROM machines WHERE tenant = ?1 AND license = ?2
  ORDER BY +last_seen DESC, machine LIMIT -1 OFFSET ?3)
