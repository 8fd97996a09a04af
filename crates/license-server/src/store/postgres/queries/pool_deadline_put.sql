UPDATE pools SET deadline_lease = $3 WHERE tenant = $1 AND pool = $2
