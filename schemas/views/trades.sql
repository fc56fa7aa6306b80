-- One row a trade; price in USD per GPU-hour, beside the integers of the facts.
CREATE OR REPLACE VIEW trades AS
SELECT
    trade_id,
    fromUnixTimestamp64Milli(occurred_at_ms, 'UTC') AS timestamp,
    book_id, book_seq, gpu_type, product, region,
    bid_order_id, ask_order_id, buyer_id, seller_id, aggressor,
    quantity,
    toDecimal128(price_micros, 6) / 1000000 AS price,
    price_micros, bid_price_micros, ask_price_micros, duration_seconds, occurred_at_ms
FROM orders_matched FINAL;
