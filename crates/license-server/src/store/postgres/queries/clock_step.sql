UPDATE lease_clock SET now_lease = $1 WHERE epoch = $2 AND now_lease = $3
