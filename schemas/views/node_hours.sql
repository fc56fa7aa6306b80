-- How each node stood at the end of each hour in which it changed: of an hour's facts the one with the
-- greatest sequence stays, so a fact that comes again, or late, is harmless (FINAL, or argMax).
CREATE TABLE IF NOT EXISTS node_hours (
    node_id String,
    hour DateTime('UTC'),
    account_id String,
    account_seq Int64,
    gpu_type LowCardinality(String),
    region LowCardinality(String),
    health LowCardinality(String),
    available Int64,
    held Int64,
    allocated Int64
)
ENGINE = ReplacingMergeTree(account_seq)
PARTITION BY toYYYYMM(hour)
ORDER BY (node_id, hour);

CREATE MATERIALIZED VIEW IF NOT EXISTS inventory_events_hour TO node_hours AS
SELECT
    node_id, toStartOfHour(fromUnixTimestamp64Milli(occurred_at_ms, 'UTC')) AS hour,
    account_id, account_seq, gpu_type, region, health, available, held, allocated
FROM inventory_events;

-- Facts from before there was this table.
INSERT INTO node_hours
SELECT
    node_id, toStartOfHour(fromUnixTimestamp64Milli(occurred_at_ms, 'UTC')),
    account_id, account_seq, gpu_type, region, health, available, held, allocated
FROM inventory_events
WHERE (SELECT count() FROM node_hours) = 0;
