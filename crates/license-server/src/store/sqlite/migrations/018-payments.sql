-- An invoice has up to 100 payments, as JSON: date, reference and amount.
ALTER TABLE invoices ADD COLUMN payments TEXT NOT NULL DEFAULT '[]';
ALTER TABLE invoices ADD COLUMN sent_at INTEGER;
UPDATE invoices
SET payments = json_array(json_object('on', paid_on, 'reference', payment, 'amount', total))
WHERE payment IS NOT NULL;
ALTER TABLE invoices DROP COLUMN payment;
