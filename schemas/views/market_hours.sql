-- What was traded, by hour and market: a row of the greatest version counts (FINAL).
CREATE TABLE IF NOT EXISTS market_hours (
    hour DateTime('UTC'),
    gpu_type LowCardinality(String),
    product LowCardinality(String),
    region LowCardinality(String),
    trades UInt64,
    gpus Int64,
    gpu_seconds Int64,
    value_micros Int128 COMMENT 'sum of quantity x price: micro-USD for each hour of the leases',
    value Decimal(38, 6) ALIAS toDecimal128(value_micros, 6) / 1000000,
    cost_micros Int128 COMMENT 'sum of the costs of the leases over their whole duration',
    cost Decimal(38, 6) ALIAS toDecimal128(cost_micros, 6) / 1000000,
    orders_filled UInt64 COMMENT 'orders, of both sides, that these trades filled to the last GPU',
    version DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, gpu_type, product, region);

-- The definition is that of this code, also over tables that were there before.
DROP VIEW IF EXISTS market_hours_refresh;

-- The hours that were touched since they were made are made anew; 30 s of slack are for inserts that
-- were on their way meanwhile. All copies of a fact have its time, so they are in one partition: FINAL
-- reads what lies in the way of the touched hours there, not the whole table.
CREATE MATERIALIZED VIEW market_hours_refresh REFRESH EVERY 10 SECOND APPEND TO market_hours AS
WITH
    made AS (SELECT hour, max(version) AS newest FROM market_hours GROUP BY hour),
    stale AS (
        SELECT hour
        FROM (SELECT hour, touched_at FROM touched_hours WHERE source = 'orders_matched') AS touched
        LEFT JOIN made USING (hour)
        WHERE touched_at >= newest - INTERVAL 30 SECOND
    )
SELECT
    toStartOfHour(timestamp) AS hour, gpu_type, product, region,
    count() AS trades,
    sum(quantity) AS gpus,
    sum(quantity * duration_seconds) AS gpu_seconds,
    sum(toInt128(quantity) * price_micros) AS value_micros,
    sum(cost_micros) AS cost_micros,
    countIf(bid_remaining = 0) + countIf(ask_remaining = 0) AS orders_filled,
    now64(3, 'UTC') AS version
FROM trades
WHERE toStartOfHour(timestamp) IN (SELECT hour FROM stale)
    AND occurred_at_ms >= (SELECT toInt64(toUnixTimestamp(min(hour))) * 1000 FROM stale)
    AND (SELECT count() FROM stale) > 0
GROUP BY hour, gpu_type, product, region
SETTINGS do_not_merge_across_partitions_select_final = 1;
