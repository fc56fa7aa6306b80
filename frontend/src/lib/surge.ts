/** How a spot price follows utilisation: base x (1 + 2 u^2), as the market computes it (udfs/pricing.py). */

import { dividedHalfEven, TICK_MICROS } from "./money";

const SURGE = 2n;
const MIN_PRICE_MICROS = 100n;
const MAX_PRICE_MICROS = 1_000_000_000n;

/** The spot price where so many of all GPUs are leased, to the tick size and within the range of prices. */
export function spotPriceMicros(baseMicros: bigint, allocated: number, gpus: number): bigint {
  const whole = BigInt(gpus) ** 2n;
  const risen = baseMicros * (whole + SURGE * BigInt(allocated) ** 2n);
  const price = dividedHalfEven(risen, whole * TICK_MICROS) * TICK_MICROS;
  if (price < MIN_PRICE_MICROS) return MIN_PRICE_MICROS;
  return price > MAX_PRICE_MICROS ? MAX_PRICE_MICROS : price;
}

/** The price at each percent from 0 to 100 of utilisation. */
export function surgeCurve(baseMicros: bigint, surgeEnabled: boolean): bigint[] {
  return Array.from({ length: 101 }, (_, percent) =>
    surgeEnabled ? spotPriceMicros(baseMicros, percent, 100) : baseMicros,
  );
}
