-- A key may be bound to bids up to an amount: so a program that holds it cannot spend more at once.

ALTER TABLE auth_apikey ADD COLUMN max_order_cost_micros bigint
    CHECK (max_order_cost_micros > 0);

COMMENT ON COLUMN auth_apikey.max_order_cost_micros IS
    'micro-USD that a bid of this key may cost at its limit, null for any amount';
