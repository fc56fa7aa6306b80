-- One row a trade; price in USD per GPU-hour, beside the integers of the facts; the cost of its GPUs
-- over its whole duration is rounded once, half to even (market-rules.md U4).
CREATE OR REPLACE VIEW trades AS
WITH
    toInt128(price_micros) * quantity * duration_seconds AS micro_seconds,
    2 * (micro_seconds % 3600) AS twice_rest
SELECT
    trade_id,
    fromUnixTimestamp64Milli(occurred_at_ms, 'UTC') AS timestamp,
    book_id, book_seq, gpu_type, product, region,
    bid_order_id, ask_order_id, buyer_id, seller_id, aggressor,
    quantity,
    toDecimal128(price_micros, 6) / 1000000 AS price,
    price_micros, bid_price_micros, ask_price_micros, duration_seconds,
    intDiv(micro_seconds, 3600)
        + (twice_rest > 3600 OR (twice_rest = 3600 AND intDiv(micro_seconds, 3600) % 2 = 1))
        AS cost_micros,
    toDecimal128(cost_micros, 6) / 1000000 AS cost,
    bid_remaining, ask_remaining, occurred_at_ms
FROM orders_matched FINAL;
