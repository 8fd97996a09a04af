UPDATE lease_clock SET now_lease = now_lease
