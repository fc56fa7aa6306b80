-- Who sold or bought on a day, and in which of its hours. The bits of a row are or-ed when rows are
-- merged, so a fact that comes again changes nothing (groupBitOr, or uniqExact of the accounts).
CREATE TABLE IF NOT EXISTS trader_days (
    day Date,
    side LowCardinality(String) COMMENT 'seller or buyer',
    account_id String,
    hours SimpleAggregateFunction(groupBitOr, UInt32) COMMENT 'bit h is set by a trade in hour h'
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, side, account_id);

-- What it was before: a row an hour.
DROP VIEW IF EXISTS orders_matched_traders;

DROP TABLE IF EXISTS trader_hours;

CREATE MATERIALIZED VIEW IF NOT EXISTS orders_matched_trader_days TO trader_days AS
SELECT
    toDate(at) AS day, trader.1 AS side, trader.2 AS account_id,
    groupBitOr(bitShiftLeft(toUInt32(1), toHour(at))) AS hours
FROM (
    SELECT
        fromUnixTimestamp64Milli(occurred_at_ms, 'UTC') AS at,
        arrayJoin([('seller', seller_id), ('buyer', buyer_id)]) AS trader
    FROM orders_matched
)
GROUP BY day, side, account_id;

-- Facts from before there was this table.
INSERT INTO trader_days
SELECT
    toDate(at) AS day, trader.1 AS side, trader.2 AS account_id,
    groupBitOr(bitShiftLeft(toUInt32(1), toHour(at)))
FROM (
    SELECT
        fromUnixTimestamp64Milli(occurred_at_ms, 'UTC') AS at,
        arrayJoin([('seller', seller_id), ('buyer', buyer_id)]) AS trader
    FROM orders_matched
    WHERE (SELECT count() FROM trader_days) = 0
)
GROUP BY day, side, account_id;
