-- A client names a license, and the license names its tenant. A look-up by a license concerns all
-- tenants but that of the server, whose licenses are found first. The indexes therefore have only
-- the licenses of the other tenants.
CREATE INDEX licenses_of_others_by_id ON licenses (id, tenant) WHERE tenant <> 'site';
CREATE INDEX licenses_of_others_by_key ON licenses (key, tenant) WHERE tenant <> 'site';
CREATE INDEX licenses_of_others_by_short_key ON licenses (short_key, tenant) WHERE tenant <> 'site';
CREATE INDEX licenses_of_others_by_pool ON licenses (pool, tenant) WHERE tenant <> 'site';
