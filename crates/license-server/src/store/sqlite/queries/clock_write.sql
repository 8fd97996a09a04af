UPDATE lease_clock SET now_lease = ?1 WHERE now_lease = ?2
