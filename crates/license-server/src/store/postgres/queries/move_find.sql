SELECT 1 FROM audit WHERE tenant = $1 AND action = $2 AND subject = $3
