-- One row an order, from facts in any order and any number of copies: of each group of fields the
-- newest fact counts (argMax over machine's time and sequence), and only facts from the order's newest
-- beginning on: its order_created, or the rejection of its placement (market-rules.md O2, F). The same
-- rules as schemas/views.py. Grouped by what it is filtered by, so that order_id and account_id reach
-- the indexes of the tables.
CREATE OR REPLACE VIEW orders AS
WITH
    'Tuple(side String, book_id String, region String, duration_seconds Int64, time_in_force String,
        expires_at_ms Int64, post_only Bool, min_fill Int64, self_trade String,
        min_duration_seconds Int64, available_until_ms Int64)' AS creation_type,
    CAST(('', '', '', 0, '', 0, false, 0, '', 0, 0), creation_type) AS nothing,
    (toInt64(0), toInt64(0)) AS never,
    facts AS (
        SELECT
            'creation' AS part, account_id, order_id, (occurred_at_ms, book_seq) AS stamp,
            CAST((side, book_id, region, duration_seconds, time_in_force, expires_at_ms, post_only,
                min_fill, self_trade, min_duration_seconds, available_until_ms), creation_type)
                AS creation,
            (quantity, price_micros) AS total, (never.1, never.1, never.1) AS fills,
            ('', '') AS words
        FROM orders_created
        UNION ALL
        SELECT
            'total', account_id, order_id, (occurred_at_ms, book_seq), nothing,
            (quantity, price_micros), (never.1, never.1, never.1), ('', '')
        FROM orders_amended
        UNION ALL
        SELECT
            'fills', buyer_id, bid_order_id, (occurred_at_ms, book_seq), nothing, never,
            (bid_filled, bid_filled_value_micros, bid_remaining), ('', '')
        FROM orders_matched
        UNION ALL
        SELECT
            'fills', seller_id, ask_order_id, (occurred_at_ms, book_seq), nothing, never,
            (ask_filled, ask_filled_value_micros, ask_remaining), ('', '')
        FROM orders_matched
        UNION ALL
        SELECT
            'closing', account_id, order_id, (occurred_at_ms, book_seq), nothing, never,
            (never.1, never.1, never.1), (toString(reason), '')
        FROM orders_cancelled
        UNION ALL
        SELECT
            'rejection', account_id, order_id, (occurred_at_ms, ifNull(book_seq, 0)), nothing, never,
            (never.1, never.1, never.1), (toString(code), detail)
        FROM orders_rejected
        WHERE command = 'place_order' AND code != 'ORDER_KEY_REUSED'
    ),
    newest AS (
        SELECT
            account_id, order_id,
            maxIf(stamp, part = 'creation') AS created,
            maxIf(stamp, part = 'rejection') AS rejected,
            maxIf(stamp, part IN ('creation', 'total')) AS totalled,
            maxIf(stamp, part = 'fills') AS traded,
            maxIf(stamp, part = 'closing') AS closed,
            greatest(created, rejected) AS begun,
            greatest(begun, totalled, traded, closed) AS seen,
            created = begun AS is_created,
            rejected = begun AS is_rejected,
            traded >= begun AS is_traded,
            closed >= begun AS is_closed,
            argMaxIf(creation, stamp, part = 'creation') AS creation_told,
            argMaxIf(total, stamp, part IN ('creation', 'total')) AS total_told,
            argMaxIf(fills, stamp, part = 'fills') AS fills_told,
            argMaxIf(words, stamp, part = 'closing').1 AS reason_told,
            argMaxIf(words, stamp, part = 'rejection') AS rejection_told
        FROM facts
        GROUP BY account_id, order_id
    )
SELECT
    order_id, account_id, fields.side AS type, fields.book_id AS book_id,
    -- a GPU type may hold dots, a product none
    arrayStringConcat(arrayPopBack(splitByChar('.', book_id)), '.') AS gpu_type,
    arrayElement(splitByChar('.', book_id), -1) AS product,
    fields.region AS region, quantity,
    toDecimal64(price_micros, 6) / 1000000 AS price,
    price_micros,
    fields.duration_seconds AS duration_seconds, fields.time_in_force AS time_in_force,
    fields.expires_at_ms AS expires_at_ms, fields.post_only AS post_only,
    fields.min_fill AS min_fill, fields.self_trade AS self_trade,
    fields.min_duration_seconds AS min_duration_seconds,
    fields.available_until_ms AS available_until_ms,
    status, filled_quantity, filled_value_micros,
    -- half to even, on the integers
    toDecimal64(average + (twice_rest > filled_quantity
        OR (twice_rest = filled_quantity AND average % 2 = 1)), 6) / 1000000 AS avg_price,
    if(status IN ('pending', 'partial'), quantity - filled_quantity, 0) AS remaining,
    if(status = 'cancelled', reason_told, '') AS reason,
    if(is_rejected, rejection_told.1, '') AS code,
    if(is_rejected, rejection_told.2, '') AS detail,
    nullIf(seen.2, 0) AS book_seq,
    fromUnixTimestamp64Milli(begun.1, 'UTC') AS created_at,
    begun.1 AS created_at_ms,
    seen.1 AS updated_at_ms
FROM (
    SELECT
        *,
        if(is_created, creation_told, nothing) AS fields,
        -- a trade tells the total too, and may be here before the amend that changed it
        multiIf(is_traded AND traded > totalled, fills_told.1 + fills_told.3,
            is_created, total_told.1, 0) AS quantity,
        if(is_created, total_told.2, 0) AS price_micros,
        multiIf(
            is_rejected, 'rejected',
            is_traded AND fills_told.3 = 0, 'filled',
            is_closed, 'cancelled',
            is_traded, 'partial',
            'pending') AS status,
        if(is_traded, fills_told.1, 0) AS filled_quantity,
        if(is_traded, fills_told.2, 0) AS filled_value_micros,
        intDiv(filled_value_micros, nullIf(filled_quantity, 0)) AS average,
        2 * (filled_value_micros % nullIf(filled_quantity, 0)) AS twice_rest
    FROM newest
    WHERE begun > never
);
