-- Which hours of which facts have had an insert, and when last: sums over an hour are not added to but
-- made anew from its facts, each once, so that a fact that comes again changes nothing.
CREATE TABLE IF NOT EXISTS touched_hours (
    source LowCardinality(String),
    hour DateTime('UTC'),
    touched_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(touched_at)
ORDER BY (source, hour);

-- In a book time rises with the sequence that its facts are stored by, so an hour is few granules.
ALTER TABLE orders_matched
    ADD INDEX IF NOT EXISTS occurred_at_index occurred_at_ms TYPE minmax GRANULARITY 1;

ALTER TABLE orders_cancelled
    ADD INDEX IF NOT EXISTS occurred_at_index occurred_at_ms TYPE minmax GRANULARITY 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS orders_matched_touch TO touched_hours AS
SELECT DISTINCT
    'orders_matched' AS source,
    toStartOfHour(fromUnixTimestamp64Milli(occurred_at_ms, 'UTC')) AS hour,
    now64(3, 'UTC') AS touched_at
FROM orders_matched;

CREATE MATERIALIZED VIEW IF NOT EXISTS orders_cancelled_touch TO touched_hours AS
SELECT DISTINCT
    'orders_cancelled' AS source,
    toStartOfHour(fromUnixTimestamp64Milli(occurred_at_ms, 'UTC')) AS hour,
    now64(3, 'UTC') AS touched_at
FROM orders_cancelled;

CREATE MATERIALIZED VIEW IF NOT EXISTS inventory_events_touch TO touched_hours AS
SELECT DISTINCT
    'inventory_events' AS source,
    toStartOfHour(fromUnixTimestamp64Milli(occurred_at_ms, 'UTC')) AS hour,
    now64(3, 'UTC') AS touched_at
FROM inventory_events;

-- Facts from before there were these tables.
INSERT INTO touched_hours
SELECT DISTINCT
    'orders_matched',
    toStartOfHour(fromUnixTimestamp64Milli(occurred_at_ms, 'UTC')),
    now64(3, 'UTC')
FROM orders_matched
WHERE (SELECT count() FROM touched_hours WHERE source = 'orders_matched') = 0;

INSERT INTO touched_hours
SELECT DISTINCT
    'orders_cancelled',
    toStartOfHour(fromUnixTimestamp64Milli(occurred_at_ms, 'UTC')),
    now64(3, 'UTC')
FROM orders_cancelled
WHERE (SELECT count() FROM touched_hours WHERE source = 'orders_cancelled') = 0;

INSERT INTO touched_hours
SELECT DISTINCT
    'inventory_events',
    toStartOfHour(fromUnixTimestamp64Milli(occurred_at_ms, 'UTC')),
    now64(3, 'UTC')
FROM inventory_events
WHERE (SELECT count() FROM touched_hours WHERE source = 'inventory_events') = 0;
