UPDATE trials
SET state = ?3, started_at = ?4, ends_at = ?5, license = ?6, reminded = ?7, stopped_at = ?8,
  paid = ?9, closed_at = ?10, next_at = ?11
WHERE tenant = ?1 AND id = ?2
