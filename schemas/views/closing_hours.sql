-- Orders that closed before they were filled, by hour, book and reason (FINAL); made like market_hours.
CREATE TABLE IF NOT EXISTS closing_hours (
    hour DateTime('UTC'),
    book_id LowCardinality(String),
    reason LowCardinality(String),
    orders UInt64,
    version DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, book_id, reason);

DROP VIEW IF EXISTS closing_hours_refresh;

CREATE MATERIALIZED VIEW closing_hours_refresh REFRESH EVERY 10 SECOND APPEND TO closing_hours AS
WITH
    made AS (SELECT hour, max(version) AS newest FROM closing_hours GROUP BY hour),
    stale AS (
        SELECT hour
        FROM (SELECT hour, touched_at FROM touched_hours WHERE source = 'orders_cancelled') AS touched
        LEFT JOIN made USING (hour)
        WHERE touched_at >= newest - INTERVAL 30 SECOND
    )
SELECT
    toStartOfHour(fromUnixTimestamp64Milli(occurred_at_ms, 'UTC')) AS hour, book_id, reason,
    count() AS orders,
    now64(3, 'UTC') AS version
FROM orders_cancelled FINAL
WHERE toStartOfHour(fromUnixTimestamp64Milli(occurred_at_ms, 'UTC')) IN (SELECT hour FROM stale)
    AND occurred_at_ms >= (SELECT toInt64(toUnixTimestamp(min(hour))) * 1000 FROM stale)
    AND (SELECT count() FROM stale) > 0
GROUP BY hour, book_id, reason
SETTINGS do_not_merge_across_partitions_select_final = 1;
