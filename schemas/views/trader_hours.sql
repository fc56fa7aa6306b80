-- Who sold or bought in an hour; a row is the same however often it comes (DISTINCT, or uniqExact).
CREATE TABLE IF NOT EXISTS trader_hours (
    hour DateTime('UTC'),
    side LowCardinality(String) COMMENT 'seller or buyer',
    account_id String
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, side, account_id);

CREATE MATERIALIZED VIEW IF NOT EXISTS orders_matched_traders TO trader_hours AS
SELECT DISTINCT
    toStartOfHour(fromUnixTimestamp64Milli(occurred_at_ms, 'UTC')) AS hour,
    (arrayJoin([('seller', seller_id), ('buyer', buyer_id)]) AS trader).1 AS side,
    trader.2 AS account_id
FROM orders_matched;

-- Facts from before there was this table.
INSERT INTO trader_hours
SELECT DISTINCT
    toStartOfHour(fromUnixTimestamp64Milli(occurred_at_ms, 'UTC')),
    (arrayJoin([('seller', seller_id), ('buyer', buyer_id)]) AS trader).1,
    trader.2
FROM orders_matched
WHERE (SELECT count() FROM trader_hours) = 0;
