UPDATE fencing SET first_seq = $1
