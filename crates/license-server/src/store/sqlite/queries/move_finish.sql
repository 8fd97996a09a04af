UPDATE moves SET moved_at = ?1 WHERE moved_at IS NULL
