SELECT reconciled_at FROM billing_marks WHERE tenant = ?1 AND provider = ?2
