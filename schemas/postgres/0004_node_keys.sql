-- A node reports with a key of its own, which it gets once in exchange for its onboarding token.

ALTER TABLE auth_apikey ADD COLUMN node_id uuid REFERENCES providers_node;

COMMENT ON COLUMN auth_apikey.node_id IS 'the node that the key is bound to, null for none';

CREATE INDEX auth_apikey_of_node ON auth_apikey (node_id)
    WHERE revoked_at IS NULL AND node_id IS NOT NULL;

ALTER TABLE providers_node ADD COLUMN enrolled_at timestamptz;

COMMENT ON COLUMN providers_node.enrolled_at IS 'when its onboarding token was exchanged';

CREATE UNIQUE INDEX providers_node_of_token ON providers_node (token_hash);

-- Keys that read or change what providers have may do so with its telemetry.
UPDATE auth_apikey SET scopes = scopes || '{telemetry:read}' WHERE 'providers:read' = ANY (scopes);
UPDATE auth_apikey SET scopes = scopes || '{telemetry:write}'
    WHERE 'providers:write' = ANY (scopes);
