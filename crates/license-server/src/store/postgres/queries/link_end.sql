DELETE FROM account_links WHERE email = $1 AND purpose = $2
