SELECT role FROM members WHERE tenant = $1 AND account = $2
