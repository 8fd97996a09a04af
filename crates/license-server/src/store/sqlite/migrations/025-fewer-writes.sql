-- The number of the newest event of a tenant is that of its row. `tenants.last_event` is the newest
-- number before events were forgotten, so that an event changes no row but its own.
CREATE VIEW last_events AS
SELECT tenant, max(last_event, coalesce(
  (SELECT max(seq) FROM events WHERE events.tenant = tenants.tenant), 0)) AS last
FROM tenants;

-- Only a license with too many machines needs them in the order of their last use, and they are
-- sorted then. Each use of a machine had to change the index.
DROP INDEX machines_by_last_use;
