UPDATE pools SET now_lease = $2, deadline_lease = 0, lifted_to = $3 WHERE tenant = $1
