-- `is_anchor_fixed` is 1 if a person has set the anchor. It then does not follow the subscription.
ALTER TABLE usage_customers
  ADD is_anchor_fixed bigint NOT NULL DEFAULT 0 CHECK (is_anchor_fixed IN (0, 1));

-- The owner of the tables sees the rows of all tenants meanwhile.
ALTER TABLE usage_customers NO FORCE ROW LEVEL SECURITY;
ALTER TABLE audit NO FORCE ROW LEVEL SECURITY;
UPDATE usage_customers SET is_anchor_fixed = 1
WHERE (tenant, customer) IN (SELECT tenant, subject FROM audit WHERE action = 'usage.anchor');
ALTER TABLE audit FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_customers FORCE ROW LEVEL SECURITY;
