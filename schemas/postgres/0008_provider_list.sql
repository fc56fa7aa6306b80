-- Providers are listed, newest first, by their place among all.

ALTER TABLE providers_provider ADD COLUMN position bigint GENERATED ALWAYS AS IDENTITY UNIQUE;
