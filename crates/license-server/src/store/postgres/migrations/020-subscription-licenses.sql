-- The page of a license shows the subscription that pays for it.
CREATE INDEX billing_subscriptions_by_license ON billing_subscriptions (tenant, license);
