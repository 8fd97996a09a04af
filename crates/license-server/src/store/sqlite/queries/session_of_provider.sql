UPDATE sessions SET provider_session = ?2 WHERE id = ?1
