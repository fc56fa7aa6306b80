-- One row a node: the newest that its account told of it (slots included, K3).
CREATE OR REPLACE VIEW nodes AS
SELECT
    node_id, account_id, newest.account_seq AS account_seq,
    newest.gpu_type AS gpu_type, newest.region AS region,
    newest.health AS health, newest.maintenance AS maintenance, newest.removed AS removed,
    newest.base_price_micros AS base_price_micros, newest.surge_enabled AS surge_enabled,
    newest.available AS available, newest.held AS held, newest.allocated AS allocated,
    newest.in_maintenance AS in_maintenance, newest.offline AS offline, newest.slots AS slots,
    newest.occurred_at_ms AS updated_at_ms,
    fromUnixTimestamp64Milli(updated_at_ms, 'UTC') AS updated_at
FROM (
    SELECT
        node_id, account_id,
        argMax(CAST(
            (account_seq, gpu_type, region, health, maintenance, removed, base_price_micros,
                surge_enabled, available, held, allocated, in_maintenance, offline, slots,
                occurred_at_ms),
            'Tuple(account_seq Int64, gpu_type String, region String, health String,
                maintenance Bool, removed Bool, base_price_micros Int64, surge_enabled Bool,
                available Int64, held Int64, allocated Int64, in_maintenance Int64, offline Int64,
                slots Array(String), occurred_at_ms Int64)'), account_seq) AS newest
    FROM inventory_events
    GROUP BY node_id, account_id
);
