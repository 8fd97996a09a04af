-- Invoices and credit notes. `content` and `seller` are JSON. The customer, the currency and the
-- total repeat a part of the content, for people who look into the database.
CREATE TABLE invoices (
  tenant         text COLLATE "C" NOT NULL,
  id             text COLLATE "C" NOT NULL,
  kind           text COLLATE "C" NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
  state          text COLLATE "C" NOT NULL
    CHECK (state IN ('draft', 'issued', 'overdue', 'paid', 'void', 'credited')),
  entity         text COLLATE "C" NOT NULL,
  year           bigint,
  number         bigint,
  content        text COLLATE "C" NOT NULL,
  seller         text COLLATE "C",
  license_order  text COLLATE "C",
  is_activated   bigint NOT NULL CHECK (is_activated IN (0, 1)),
  license        text COLLATE "C",
  created_at     bigint NOT NULL,
  created_by     text COLLATE "C" NOT NULL,
  issued_on      text COLLATE "C",
  due_on         text COLLATE "C",
  paid_on        text COLLATE "C",
  payment        text COLLATE "C",
  reminded       bigint,
  credits        text COLLATE "C",
  credited_by    text COLLATE "C",
  next_at        bigint,
  customer       text COLLATE "C" NOT NULL,
  currency       text COLLATE "C" NOT NULL,
  total          bigint NOT NULL,
  PRIMARY KEY (tenant, id),
  CHECK ((state = 'draft') = (number IS NULL)),
  CHECK ((number IS NULL) = (year IS NULL)),
  CHECK ((kind = 'credit_note') = (credits IS NOT NULL)),
  CHECK ((state = 'credited') = (credited_by IS NOT NULL))
);
CREATE UNIQUE INDEX invoices_by_number ON invoices (tenant, entity, year, number);
CREATE INDEX invoices_by_time ON invoices (tenant, next_at);

-- The last number of each legal entity and year.
CREATE TABLE invoice_numbers (
  tenant text COLLATE "C" NOT NULL,
  entity text COLLATE "C" NOT NULL,
  year   bigint NOT NULL,
  last   bigint NOT NULL CHECK (last > 0),
  PRIMARY KEY (tenant, entity, year)
);

-- What a customer got never changes, and lasts as long as the tenant.
CREATE FUNCTION refuse_invoice_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.number IS NOT NULL AND (NEW.number IS DISTINCT FROM OLD.number
    OR NEW.year IS DISTINCT FROM OLD.year OR NEW.entity <> OLD.entity OR NEW.kind <> OLD.kind
    OR NEW.content <> OLD.content OR NEW.seller IS DISTINCT FROM OLD.seller
    OR NEW.issued_on IS DISTINCT FROM OLD.issued_on) THEN
    RAISE EXCEPTION 'an issued invoice never changes';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER invoices_stay BEFORE UPDATE ON invoices
  FOR EACH ROW EXECUTE FUNCTION refuse_invoice_change();
CREATE FUNCTION refuse_invoice_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.number IS NULL OR EXISTS (SELECT 1 FROM deleted_tenants WHERE id = OLD.tenant) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'an issued invoice stays';
END
$$;
CREATE TRIGGER invoices_last BEFORE DELETE ON invoices
  FOR EACH ROW EXECUTE FUNCTION refuse_invoice_removal();

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['invoices', 'invoice_numbers'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY own_rows ON %I USING (tenant = current_setting(%L, true))',
      name, 'license_server.tenant');
  END LOOP;
END
$$;
