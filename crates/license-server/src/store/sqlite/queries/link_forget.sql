DELETE FROM account_links WHERE digest IN (
  SELECT digest FROM account_links WHERE expires_at <= ?1 LIMIT 10000)
