-- Trades in the order of their time, as columns of few bytes: what was traded in the last hour is a
-- granule or two, not one of each book. A part's projection is of its rows after they were merged; parts
-- from before have none until they are.
ALTER TABLE orders_matched MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild';

ALTER TABLE orders_matched ADD PROJECTION IF NOT EXISTS by_time (
    SELECT book_id, book_seq, occurred_at_ms, quantity, price_micros ORDER BY occurred_at_ms
);
