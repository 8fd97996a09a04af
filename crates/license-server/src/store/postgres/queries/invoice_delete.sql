DELETE FROM invoices WHERE tenant = $1 AND id = $2 AND state = 'draft'
