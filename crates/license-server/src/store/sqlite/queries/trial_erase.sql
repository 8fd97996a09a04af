UPDATE trials SET email = NULL, machine = NULL
WHERE tenant = ?1 AND closed_at <= ?2 AND state IN ('converted', 'ended')
  AND (email IS NOT NULL OR machine IS NOT NULL)
