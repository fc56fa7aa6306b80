/** Money as the market counts it: whole micro-USD, never a floating point number. */

const MICROS_PER_USD = 1_000_000n;
const DECIMAL = /^(-?)(\d+)(?:\.(\d{1,6}))?$/;
export const TICK_MICROS = 100n;
const SECONDS_PER_HOUR = 3_600n;

/** A decimal in USD, such as "2.4500", as micro-USD; null if it is not one. */
export function micros(usd: string): bigint | null {
  const parts = DECIMAL.exec(usd.trim());
  if (!parts) return null;
  const [, sign, whole = "0", fraction = ""] = parts;
  const amount = BigInt(whole) * MICROS_PER_USD + BigInt(fraction.padEnd(6, "0"));
  return sign ? -amount : amount;
}

/** Micro-USD as a decimal in USD with so many digits after the point, rounded half away from zero. */
export function usd(amount: bigint, digits: number): string {
  const unit = 10n ** BigInt(6 - digits);
  const size = ((amount < 0n ? -amount : amount) + unit / 2n) / unit;
  const text = size.toString().padStart(digits + 1, "0");
  const whole = digits ? `${text.slice(0, -digits)}.${text.slice(-digits)}` : text;
  return amount < 0n && size > 0n ? `-${whole}` : whole;
}

/** Micro-USD as a number of USD, for drawing. */
export function approximate(amount: bigint): number {
  return Number(amount) / Number(MICROS_PER_USD);
}

/** The quotient, rounded half to even (market-rules.md U4); nothing here is negative. */
export function dividedHalfEven(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const twice = 2n * (dividend % divisor);
  const up = twice > divisor || (twice === divisor && quotient % 2n === 1n);
  return up ? quotient + 1n : quotient;
}

/** What so many GPUs cost for so long (market-rules.md U4). */
export function costMicros(price: bigint, quantity: number, hours: number): bigint {
  const seconds = BigInt(hours) * SECONDS_PER_HOUR;
  return dividedHalfEven(price * BigInt(quantity) * seconds, SECONDS_PER_HOUR);
}
