SELECT body FROM tickets WHERE tenant = $1 AND pool = $2
