// Generated from the API's OpenAPI document by `make frontend-types`; not edited by hand.
// sha256 of the document: d84599f627a9fe0acb380c5b63bf1790bd136a0c96dc04e3664ececfa822cb23

export const RULES = {
  "PlaceOrderBody": {
    "type": {
      "rule": "bid or ask",
      "type": "string"
    },
    "gpu_type": {
      "rule": "a gpu_type of the catalogue (B1)",
      "type": "string",
      "minLength": 1,
      "maxLength": 64,
      "pattern": "^[A-Za-z0-9._:\\-]+$"
    },
    "quantity": {
      "rule": "whole GPUs, a JSON integer from 1 to 65536 (U2)",
      "type": "integer",
      "minimum": 1,
      "maximum": 65536
    },
    "price": {
      "rule": "USD per GPU-hour, a decimal as number or string with at most 4 decimals, 0.0001 to 1000 (U1)",
      "type": "string",
      "pattern": "^(0|[1-9][0-9]{0,3})(\\.[0-9]{1,4})?$"
    },
    "duration_hours": {
      "rule": "a JSON integer from 1 to 8760 (U3)",
      "type": "integer",
      "minimum": 1,
      "maximum": 8760
    },
    "product": {
      "rule": "ondemand, spot or reserved (B1)",
      "type": "string"
    },
    "region": {
      "rule": "a region of the catalogue; an ask must name one (O1)",
      "type": "string",
      "minLength": 1,
      "maxLength": 64,
      "pattern": "^[A-Za-z0-9._:\\-]+$"
    },
    "time_in_force": {
      "rule": "GTC, GTD, IOC or FOK; GTD for a bid and GTC for an ask if absent (O3)",
      "type": "string"
    },
    "expires_at": {
      "rule": "a time as RFC 3339 with its offset, in the future; only with GTD, 24 h if absent (O3)",
      "type": "string"
    },
    "post_only": {
      "rule": "true or false; not with IOC or FOK (M2)",
      "type": "boolean"
    },
    "min_fill": {
      "rule": "whole GPUs, a JSON integer from 1 to 65536, at most quantity (M6)",
      "type": "integer",
      "minimum": 1,
      "maximum": 65536
    },
    "self_trade": {
      "rule": "cancel_newest or cancel_oldest (S2)",
      "type": "string"
    },
    "client_order_id": {
      "rule": "1 to 128 characters, no control characters; the same as Idempotency-Key if both are given (O2)",
      "type": "string",
      "minLength": 1,
      "maxLength": 128,
      "pattern": "^[^\\x00-\\x1f\\x7f]*$"
    },
    "available_until": {
      "rule": "a time as RFC 3339 with its offset, when an ask's GPUs must be back; not for a bid (E3)",
      "type": "string"
    },
    "min_duration_hours": {
      "rule": "a JSON integer from 0 to 8760, at most duration_hours; the shortest that an ask sells, not for a bid (E1)",
      "type": "integer",
      "minimum": 0,
      "maximum": 8760
    }
  },
  "AmendOrderBody": {
    "quantity": {
      "rule": "the new total, fills included: whole GPUs, a JSON integer from 1 to 65536 (U2)",
      "type": "integer",
      "minimum": 1,
      "maximum": 65536
    },
    "price": {
      "rule": "USD per GPU-hour, a decimal as number or string with at most 4 decimals, 0.0001 to 1000 (U1)",
      "type": "string",
      "pattern": "^(0|[1-9][0-9]{0,3})(\\.[0-9]{1,4})?$"
    }
  },
  "CreateProviderBody": {
    "name": {
      "rule": "1 to 128 characters, no control characters",
      "type": "string",
      "minLength": 1,
      "maxLength": 128,
      "pattern": "^[^\\x00-\\x1f\\x7f]*$"
    },
    "company": {
      "rule": "1 to 128 characters, no control characters",
      "type": "string",
      "minLength": 1,
      "maxLength": 128,
      "pattern": "^[^\\x00-\\x1f\\x7f]*$"
    },
    "kyc_data": {
      "rule": "an object of at most 16384 characters as JSON with its numbers written out, without the character U+0000 and numbers beyond a double; kept for the check of identity",
      "type": "object"
    }
  },
  "CreateClusterBody": {
    "name": {
      "rule": "1 to 128 characters, no control characters",
      "type": "string",
      "minLength": 1,
      "maxLength": 128,
      "pattern": "^[^\\x00-\\x1f\\x7f]*$"
    },
    "region": {
      "rule": "a region of the catalogue",
      "type": "string",
      "minLength": 1,
      "maxLength": 64,
      "pattern": "^[A-Za-z0-9._:\\-]+$"
    },
    "specs": {
      "rule": "an object of at most 16384 characters as JSON with its numbers written out, without the character U+0000 and numbers beyond a double; told back as it is",
      "type": "object"
    }
  },
  "CreateNodeBody": {
    "hostname": {
      "rule": "1 to 128 characters, no control characters",
      "type": "string",
      "minLength": 1,
      "maxLength": 128,
      "pattern": "^[^\\x00-\\x1f\\x7f]*$"
    },
    "ip_address": {
      "rule": "an IPv4 or IPv6 address"
    },
    "gpu_specs": {
      "rule": "a list of 1 to 1024 GPUs, one entry each",
      "type": "array"
    }
  },
  "ChangeNodeBody": {
    "hostname": {
      "rule": "1 to 128 characters, no control characters",
      "type": "string",
      "minLength": 1,
      "maxLength": 128,
      "pattern": "^[^\\x00-\\x1f\\x7f]*$"
    },
    "ip_address": {
      "rule": "an IPv4 or IPv6 address",
      "type": "string"
    },
    "status": {
      "rule": "maintenance, or available to return to its health (K4)",
      "type": "string"
    }
  },
  "SetPricingBody": {
    "base_price": {
      "rule": "USD per GPU-hour, a decimal as number or string with at most 4 decimals, 0.0001 to 1000 (U1)",
      "type": "string",
      "pattern": "^(0|[1-9][0-9]{0,3})(\\.[0-9]{1,4})?$"
    },
    "surge_enabled": {
      "rule": "true or false",
      "type": "boolean"
    },
    "relist": {
      "rule": "true or false: asks that its failing health was withdrawn from are listed anew once it is healthy (K4)",
      "type": "boolean"
    }
  },
  "GpuSpec": {
    "model": {
      "rule": "a gpu_type of the catalogue, the same for all GPUs of a node",
      "type": "string",
      "minLength": 1,
      "maxLength": 64,
      "pattern": "^[A-Za-z0-9._:\\-]+$"
    },
    "vram_gb": {
      "rule": "GB, a JSON integer from 1 to 4096",
      "type": "integer",
      "minimum": 1,
      "maximum": 4096
    },
    "cuda_version": {
      "rule": "1 to 32 characters",
      "type": "string",
      "minLength": 1,
      "maxLength": 32,
      "pattern": "^[^\\x00-\\x1f\\x7f]*$"
    },
    "pcie_slot": {
      "rule": "1 to 32 characters, another one for each GPU of a node",
      "type": "string",
      "minLength": 1,
      "maxLength": 32,
      "pattern": "^[^\\x00-\\x1f\\x7f]*$"
    }
  }
} as const;
