SELECT seq, hash FROM audit_heads WHERE tenant = $1
