UPDATE lease_clock SET now_lease = $1, owner = NULL, epoch = epoch + 1
