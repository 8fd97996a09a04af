SELECT accounts.id FROM members JOIN accounts ON accounts.id = members.account
WHERE members.tenant = $1 AND accounts.email IS NULL AND accounts.password IS NULL
