DELETE FROM nodes WHERE seen_lease < (SELECT now_lease FROM lease_clock) - $1
