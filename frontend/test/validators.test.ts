import { expect, test } from "vitest";
import { broken, hint, wrong } from "../src/lib/validators";

test("an order's fields obey the API's own rules", () => {
  const good = { gpu_type: "H100", quantity: "8", price: "2.5", duration_hours: "24" };
  expect(wrong("PlaceOrderBody", good)).toEqual({});
});

test.each([
  ["quantity", "0"],
  ["quantity", "1.0"],
  ["quantity", "65537"],
  ["price", "0"],
  ["price", "1000.0001"],
  ["price", "2.12345"],
  ["price", "2,5"],
  ["duration_hours", "8761"],
  ["duration_hours", ""],
])("%s %j is refused with its rule", (field, text) => {
  expect(broken("PlaceOrderBody", field, text)).toBe(broken("PlaceOrderBody", field, "x"));
  expect(broken("PlaceOrderBody", field, text)).toBeTruthy();
});

test("an address is an address, a name has no control characters", () => {
  expect(broken("CreateNodeBody", "ip_address", "10.0.0.1")).toBeNull();
  expect(broken("CreateNodeBody", "ip_address", "fd00::7")).toBeNull();
  expect(broken("CreateNodeBody", "ip_address", "gpu.example")).toBe("an IPv4 or IPv6 address");
  expect(broken("CreateNodeBody", "hostname", "a\tb")).toBeTruthy();
});

test("rules are told without the numbers of the market's rules", () => {
  expect(hint("PlaceOrderBody", "quantity")).toBe("whole GPUs, a whole number from 1 to 65536");
});
