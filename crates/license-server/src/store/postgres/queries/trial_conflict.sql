SELECT EXISTS (SELECT 1 FROM trials WHERE tenant = $1 AND email_key = $2)
  OR EXISTS (SELECT 1 FROM trials WHERE tenant = $1 AND customer_key = $3)
  OR EXISTS (SELECT 1 FROM trials WHERE tenant = $1 AND machine_key = $4)
