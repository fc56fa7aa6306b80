-- Accounts, their API keys, and the outbox: what the market must learn of them, in the order of
-- each account's own counter (market-rules.md B5).

CREATE TABLE auth_account (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('admin', 'provider', 'consumer')),
    suspended boolean NOT NULL DEFAULT false,
    max_open_orders bigint NOT NULL CHECK (max_open_orders >= 0),
    max_notional_micros bigint NOT NULL CHECK (max_notional_micros >= 0),
    last_seq bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL
);

COMMENT ON COLUMN auth_account.max_notional_micros IS 'micro-USD, 0 for no limit (K1)';
COMMENT ON COLUMN auth_account.last_seq IS 'the last number that the outbox gave out (B5)';

CREATE TABLE auth_apikey (
    id uuid PRIMARY KEY,
    position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    account_id uuid NOT NULL REFERENCES auth_account,
    name text NOT NULL,
    prefix text NOT NULL,
    key_hash bytea NOT NULL UNIQUE,
    roles text[] NOT NULL,
    scopes text[] NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL
);

COMMENT ON COLUMN auth_apikey.key_hash IS 'SHA-256 of the key, which itself is nowhere';

CREATE INDEX auth_apikey_of_account ON auth_apikey (account_id, position) WHERE revoked_at IS NULL;

CREATE TABLE outbox (
    account_id uuid NOT NULL REFERENCES auth_account,
    seq bigint NOT NULL,
    command jsonb NOT NULL,
    appended_at timestamptz,
    PRIMARY KEY (account_id, seq)
);

COMMENT ON TABLE outbox IS 'commands for accounts.commands; the relay appends them in order';

CREATE INDEX outbox_to_append ON outbox (account_id, seq) WHERE appended_at IS NULL;
