-- How the GPUs of a type and region stood at the end of an hour, from the first change of any of their
-- nodes on (FINAL). A node stands as it stood last until it changes again, so with an hour all later
-- ones are made anew. An hour without a row, since the newest, is as the one before.
CREATE TABLE IF NOT EXISTS capacity_hours (
    hour DateTime('UTC'),
    gpu_type LowCardinality(String),
    region LowCardinality(String),
    available Int64,
    held Int64,
    allocated Int64,
    version DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(hour)
ORDER BY (hour, gpu_type, region);

DROP VIEW IF EXISTS capacity_hours_refresh;

CREATE MATERIALIZED VIEW capacity_hours_refresh REFRESH EVERY 20 SECOND APPEND TO capacity_hours AS
WITH
    made AS (SELECT hour, max(version) AS newest FROM capacity_hours GROUP BY hour),
    stale AS (
        SELECT hour
        FROM (SELECT hour, touched_at FROM touched_hours WHERE source = 'inventory_events')
            AS touched
        LEFT JOIN made USING (hour)
        WHERE touched_at >= newest - INTERVAL 30 SECOND
    ),
    ifNull((SELECT min(toUnixTimestamp(hour)) FROM stale), 0) AS first_seconds,
    ifNull((SELECT max(toUnixTimestamp(hour)) FROM node_hours), 0) AS last_seconds,
    toUInt32(intDiv(first_seconds, 3600)) AS first_step,
    toUInt32(intDiv(last_seconds, 3600) + 1) AS end_step
SELECT
    toDateTime(at * 3600, 'UTC') AS hour, gpu_type, region,
    sum(newest.1) AS available,
    sum(newest.2) AS held,
    sum(newest.3) AS allocated,
    now64(3, 'UTC') AS version
FROM (
    SELECT
        gpu_type, region, newest,
        arrayJoin(range(
            step,
            leadInFrame(step, 1, end_step) OVER (
                PARTITION BY node_id ORDER BY step
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            )
        )) AS at
    FROM (
        SELECT
            node_id, gpu_type, region,
            -- of all that was before the first hour to be made, the newest is enough
            greatest(toUInt32(intDiv(toUnixTimestamp(hour), 3600)), first_step) AS step,
            argMax((available, held, allocated), account_seq) AS newest
        FROM node_hours
        WHERE (SELECT count() FROM stale) > 0
        GROUP BY node_id, gpu_type, region, step
    )
)
GROUP BY at, gpu_type, region;
