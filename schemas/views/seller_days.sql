-- What each seller sold, by day and GPU type (FINAL); made like market_hours.
CREATE TABLE IF NOT EXISTS seller_days (
    day Date,
    seller_id String,
    gpu_type LowCardinality(String),
    trades UInt64,
    gpus Int64,
    gpu_seconds Int64,
    cost_micros Int128 COMMENT 'sum of the costs of the leases over their whole duration',
    cost Decimal(38, 6) ALIAS toDecimal128(cost_micros, 6) / 1000000,
    version DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (day, seller_id, gpu_type);

DROP VIEW IF EXISTS seller_days_refresh;

CREATE MATERIALIZED VIEW seller_days_refresh REFRESH EVERY 1 MINUTE APPEND TO seller_days AS
WITH
    made AS (SELECT day, max(version) AS newest FROM seller_days GROUP BY day),
    stale AS (
        SELECT day
        FROM (
            SELECT toDate(hour) AS day, max(touched_at) AS newest_touch
            FROM touched_hours
            WHERE source = 'orders_matched'
            GROUP BY day
        ) AS touched
        LEFT JOIN made USING (day)
        WHERE newest_touch >= newest - INTERVAL 30 SECOND
    )
SELECT
    toDate(timestamp) AS day, seller_id, gpu_type,
    count() AS trades,
    sum(quantity) AS gpus,
    sum(quantity * duration_seconds) AS gpu_seconds,
    sum(cost_micros) AS cost_micros,
    now64(3, 'UTC') AS version
FROM trades
WHERE toDate(timestamp) IN (SELECT day FROM stale)
    AND occurred_at_ms >= (SELECT toInt64(toUnixTimestamp(toDateTime(min(day), 'UTC'))) * 1000
        FROM stale)
    AND (SELECT count() FROM stale) > 0
GROUP BY day, seller_id, gpu_type
SETTINGS do_not_merge_across_partitions_select_final = 1;
