-- Feeds ask several times a second which keys were revoked of late, and part from who uses them.

CREATE INDEX auth_apikey_revoked ON auth_apikey (revoked_at) WHERE revoked_at IS NOT NULL;
