-- What its failing health took out of asks may be listed anew once a node is healthy.

ALTER TABLE providers_node ADD COLUMN relist boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN providers_node.relist IS 'its provider asked for that (K4)';
