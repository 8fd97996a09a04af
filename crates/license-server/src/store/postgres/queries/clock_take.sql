UPDATE lease_clock SET owner = $1, epoch = epoch + 1 WHERE epoch = $2 AND now_lease = $3
