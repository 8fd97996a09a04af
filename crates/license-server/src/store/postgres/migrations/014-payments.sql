-- An invoice has up to 100 payments, as JSON: date, reference and amount.
ALTER TABLE invoices
  ADD payments text COLLATE "C" NOT NULL DEFAULT '[]',
  ADD sent_at  bigint;

-- The owner of the tables sees the rows of all tenants meanwhile.
ALTER TABLE invoices NO FORCE ROW LEVEL SECURITY;
UPDATE invoices
SET payments = json_build_array(
  json_build_object('on', paid_on, 'reference', payment, 'amount', total))::text
WHERE payment IS NOT NULL;
ALTER TABLE invoices FORCE ROW LEVEL SECURITY;
ALTER TABLE invoices DROP payment;
