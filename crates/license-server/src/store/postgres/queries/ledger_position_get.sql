SELECT seq, hash FROM ledger_positions WHERE tenant = $1
