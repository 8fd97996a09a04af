UPDATE trials
SET state = 'issuing', next_at = ?3, email_key = ?4, customer_key = ?5, machine_key = ?6
WHERE tenant = ?1 AND id = ?2
