DELETE FROM tickets WHERE tenant = $1 AND pool = $2 AND ticket = ANY ($3)
