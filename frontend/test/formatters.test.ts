import { expect, test } from "vitest";
import { change, counted, hours, money, NONE, percent, price, rate, span } from "../src/lib/formatters";

test("prices have two digits, or as many as they need", () => {
  expect(price("2.4500")).toBe("$2.45");
  expect(price("2.4000")).toBe("$2.40");
  expect(price("2.4537")).toBe("$2.4537");
  expect(price("1234.5000")).toBe("$1,234.50");
  expect(price(null)).toBe(NONE);
});

test("amounts are grouped, and short from a million on", () => {
  expect(money("1234.567")).toBe("$1,234.57");
  expect(money("999999.994")).toBe("$999,999.99");
  expect(money("1234567.8")).toBe("$1.23M");
});

test("one is not many", () => {
  expect([counted(0, "GPU"), counted(1, "GPU"), counted(2_000, "order")]).toEqual([
    "0 GPUs",
    "1 GPU",
    "2,000 orders",
  ]);
});

test("a change tells its direction", () => {
  expect(change(112, 100)).toEqual({ text: "+12 %", up: true });
  expect(change(99, 100)).toEqual({ text: "−1.0 %", up: false });
  expect(change(100, 100)).toEqual({ text: "±0 %", up: true });
  expect(change(1, 0)).toBeNull();
  expect(change(null, 3)).toBeNull();
});

test("times, rates and parts", () => {
  expect([hours(24), hours(48), hours(50), hours(8_760)]).toEqual(["24 h", "2 d", "50 h", "365 d"]);
  expect([span(900), span(61_000), span(7_200_000)]).toEqual(["1 s", "1 min", "2 h"]);
  expect([rate(0), rate(999), rate(1_500), rate(2e9)]).toEqual(["0 B/s", "999 B/s", "1.5 kB/s", "2.0 GB/s"]);
  expect([percent(0.714), percent(0.714, 1), percent(null)]).toEqual(["71 %", "71.4 %", NONE]);
});
