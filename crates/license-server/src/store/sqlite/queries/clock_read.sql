SELECT now_lease FROM lease_clock
