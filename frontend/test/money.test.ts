import { expect, test } from "vitest";
import { costMicros, dividedHalfEven, micros, usd } from "../src/lib/money";

test("decimals become whole micro-USD and back", () => {
  expect(micros("2.4500")).toBe(2_450_000n);
  expect(micros("0.000001")).toBe(1n);
  expect(micros("-3.5")).toBe(-3_500_000n);
  expect(usd(2_450_000n, 4)).toBe("2.4500");
  expect(usd(50n, 4)).toBe("0.0001");
  expect(usd(-1_005_000n, 2)).toBe("-1.01");
  expect(usd(0n, 0)).toBe("0");
});

test.each(["", "1.", ".5", "1e3", "2,5", "1.1234567", "NaN"])("%j is no decimal", (text) => {
  expect(micros(text)).toBeNull();
});

test("a half is rounded to the even neighbour", () => {
  expect([5n, 15n, 25n, 26n].map((each) => dividedHalfEven(each, 10n))).toEqual([0n, 2n, 2n, 3n]);
});

test("a lease costs price times GPUs times hours (U4)", () => {
  expect(costMicros(2_250_000n, 4, 24)).toBe(216_000_000n);
});
