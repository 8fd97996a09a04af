-- The people whom administrators assign to the licenses of a pool. A removed row stays until its
-- place may go to another person. `since_lease` is the reading of the lease clock at the assignment.
CREATE TABLE named_users (
  tenant      TEXT    NOT NULL,
  pool        TEXT    NOT NULL,
  id          TEXT    NOT NULL,
  email       TEXT    NOT NULL CHECK (email <> ''),
  assigned_at INTEGER NOT NULL,
  assigned_by TEXT    NOT NULL,
  since_lease INTEGER NOT NULL CHECK (since_lease >= 0),
  removed_at  INTEGER,
  PRIMARY KEY (tenant, pool, email)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX named_users_by_id ON named_users (tenant, pool, id);
CREATE INDEX named_users_by_email ON named_users (tenant, email);

-- The machines on which assigned people used a license.
CREATE TABLE machine_users (
  tenant     TEXT    NOT NULL,
  email      TEXT    NOT NULL,
  license    TEXT    NOT NULL,
  machine    TEXT    NOT NULL,
  first_seen INTEGER NOT NULL,
  last_seen  INTEGER NOT NULL,
  PRIMARY KEY (tenant, email, license, machine),
  FOREIGN KEY (tenant, license, machine) REFERENCES machines (tenant, license, machine)
    ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX machine_users_by_machine ON machine_users (tenant, license, machine);

-- The groups (departments) of an organization, and their members. Sessions of the members of a
-- group hold seats under the id of the group.
CREATE TABLE groups (
  tenant     TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  name       TEXT    NOT NULL CHECK (name <> ''),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX groups_by_name ON groups (tenant, name);

CREATE TABLE group_members (
  tenant           TEXT    NOT NULL,
  group_id         TEXT    NOT NULL,
  account          TEXT    NOT NULL,
  is_administrator INTEGER NOT NULL CHECK (is_administrator IN (0, 1)),
  added_at         INTEGER NOT NULL,
  PRIMARY KEY (tenant, group_id, account),
  FOREIGN KEY (tenant, group_id) REFERENCES groups (tenant, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant, account) REFERENCES members (tenant, account) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX group_members_by_account ON group_members (tenant, account);
