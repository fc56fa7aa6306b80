-- What can be traded (market-rules.md B1). `query_api migrate` adds what schemas/catalogue.toml
-- names; an administrator adds rows, and none is ever taken out by a migration.

CREATE TABLE catalogue_gpu_type (
    position bigint GENERATED ALWAYS AS IDENTITY,
    name text PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9_-]{1,48}$')
);

CREATE TABLE catalogue_product (
    position bigint GENERATED ALWAYS AS IDENTITY,
    name text PRIMARY KEY CHECK (name IN ('ondemand', 'spot', 'reserved'))
);

CREATE TABLE catalogue_region (
    position bigint GENERATED ALWAYS AS IDENTITY,
    name text PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9_-]{1,48}$')
);

CREATE TABLE catalogue_book (
    book_id text PRIMARY KEY,
    top bigint NOT NULL,
    book_minimum bigint NOT NULL
);

COMMENT ON TABLE catalogue_book IS
    'the parameters that each book was told last by set_book; one that is not here has the defaults';
