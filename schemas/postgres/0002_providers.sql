-- Providers, clusters, nodes and GPUs as registered. What a GPU is doing now is its account
-- machine's to say (market-rules.md K3): no live status is kept here.

CREATE TABLE providers_provider (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL UNIQUE REFERENCES auth_account,
    name text NOT NULL,
    company text NOT NULL,
    kyc_data jsonb NOT NULL,
    status text NOT NULL CHECK (status IN ('pending_kyc', 'verified', 'suspended')),
    created_at timestamptz NOT NULL
);

CREATE TABLE providers_cluster (
    id uuid PRIMARY KEY,
    position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    provider_id uuid NOT NULL REFERENCES providers_provider,
    name text NOT NULL,
    region text NOT NULL,
    specs jsonb NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE INDEX providers_cluster_of_provider ON providers_cluster (provider_id, position);

CREATE TABLE providers_node (
    id uuid PRIMARY KEY,
    position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    cluster_id uuid NOT NULL REFERENCES providers_cluster,
    account_id uuid NOT NULL REFERENCES auth_account,
    region text NOT NULL,
    gpu_type text NOT NULL,
    hostname text NOT NULL,
    ip_address inet NOT NULL,
    token_hash bytea NOT NULL,
    maintenance boolean NOT NULL DEFAULT false,
    base_price_micros bigint NOT NULL DEFAULT 0,
    surge_enabled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    removed_at timestamptz
);

COMMENT ON COLUMN providers_node.maintenance IS 'what its provider asked for (K4)';
COMMENT ON COLUMN providers_node.base_price_micros IS 'micro-USD per GPU-hour, 0 for unset';

CREATE INDEX providers_node_of_account ON providers_node (account_id, position)
    WHERE removed_at IS NULL;
CREATE INDEX providers_node_of_cluster ON providers_node (cluster_id, position)
    WHERE removed_at IS NULL;

CREATE TABLE providers_gpu (
    id uuid PRIMARY KEY,
    node_id uuid NOT NULL REFERENCES providers_node,
    slot integer NOT NULL CHECK (slot >= 0),
    model text NOT NULL,
    vram_gb integer NOT NULL CHECK (vram_gb > 0),
    cuda_version text NOT NULL,
    pcie_slot text NOT NULL,
    UNIQUE (node_id, slot),
    UNIQUE (node_id, pcie_slot)
);

COMMENT ON COLUMN providers_gpu.slot IS 'its place among the slots of node_changed (K2)';
