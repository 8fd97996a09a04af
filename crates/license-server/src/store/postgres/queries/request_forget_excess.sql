DELETE FROM idempotent_requests WHERE tenant = $1 AND began_at <= (
  SELECT began_at FROM idempotent_requests WHERE tenant = $1
  ORDER BY began_at DESC LIMIT 1 OFFSET $2)
