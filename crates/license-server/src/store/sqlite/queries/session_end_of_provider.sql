DELETE FROM sessions WHERE provider = ?1
  AND (?2 IS NULL OR account = ?2) AND (?3 IS NULL OR provider_session = ?3)
RETURNING account
