DELETE FROM machine_users WHERE tenant = $1 AND email = $2 AND NOT EXISTS (
  SELECT 1 FROM named_users WHERE tenant = $1 AND email = $2 AND removed_at IS NULL)
