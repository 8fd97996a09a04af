SELECT pool FROM pools WHERE tenant = $1
