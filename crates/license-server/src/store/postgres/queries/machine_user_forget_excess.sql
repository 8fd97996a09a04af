DELETE FROM machine_users WHERE tenant = $1 AND email = $2 AND license = $3 AND machine IN (
  SELECT machine FROM machine_users WHERE tenant = $1 AND email = $2 AND license = $3
  ORDER BY last_seen DESC, machine OFFSET $4)
