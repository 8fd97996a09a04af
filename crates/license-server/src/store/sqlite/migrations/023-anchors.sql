-- `is_anchor_fixed` is 1 if a person has set the anchor. It then does not follow the subscription.
ALTER TABLE usage_customers
  ADD COLUMN is_anchor_fixed INTEGER NOT NULL DEFAULT 0 CHECK (is_anchor_fixed IN (0, 1));
UPDATE usage_customers SET is_anchor_fixed = 1
WHERE (tenant, customer) IN (SELECT tenant, subject FROM audit WHERE action = 'usage.anchor');
