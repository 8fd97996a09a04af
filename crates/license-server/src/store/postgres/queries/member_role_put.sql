UPDATE members SET role = $3 WHERE tenant = $1 AND account = $2
