UPDATE fencing SET first_seq = max(first_seq, ?1)
