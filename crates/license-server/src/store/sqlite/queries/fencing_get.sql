SELECT first_seq FROM fencing
