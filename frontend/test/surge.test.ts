import { expect, test } from "vitest";
import { spotPriceMicros, surgeCurve } from "../src/lib/surge";
import vectors from "./surge-vectors.json";

test.each(vectors)("as udfs/pricing.py: base $base, $allocated of $gpus leased", (vector) => {
  expect(spotPriceMicros(BigInt(vector.base), vector.allocated, vector.gpus)).toBe(BigInt(vector.spot));
});

test("the curve goes from the base to three times it, or stays where there is no surge", () => {
  const curve = surgeCurve(2_000_000n, true);
  expect([curve[0], curve[50], curve[100]]).toEqual([2_000_000n, 3_000_000n, 6_000_000n]);
  expect(new Set(surgeCurve(2_000_000n, false))).toEqual(new Set([2_000_000n]));
});
