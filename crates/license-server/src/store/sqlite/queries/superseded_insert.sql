INSERT OR IGNORE INTO superseded_licenses (tenant, license, successor) VALUES (?1, ?2, ?3)
