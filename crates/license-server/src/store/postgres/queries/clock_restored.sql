UPDATE lease_clock SET restored_lease = now_lease, owner = NULL, epoch = epoch + 1
RETURNING now_lease
