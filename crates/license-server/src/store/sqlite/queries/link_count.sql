SELECT count(*) FROM account_links WHERE email = ?1 AND purpose = ?2 AND expires_at > ?3
