DELETE FROM account_links WHERE account = ?1
