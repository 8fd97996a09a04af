UPDATE lease_clock SET owner = NULL WHERE owner = $1
