/** Trades as candles: open, high, low, close and volume of each interval that had a trade. */

import type { TapeTrade } from "./api-client";

export interface Candle {
  /** Beginning of the interval, in seconds since 1970. */
  readonly time: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  /** GPUs traded. */
  readonly volume: number;
}

/** Candles of trades given newest first, oldest first. */
export function candlesOf(trades: readonly TapeTrade[], seconds: number): Candle[] {
  const found: Candle[] = [];
  for (const trade of [...trades].reverse()) {
    const last = found.at(-1);
    const next = withTrade(last, trade, seconds);
    if (last && next.time === last.time) found[found.length - 1] = next;
    else found.push(next);
  }
  return found;
}

/** The candle that a trade falls into: the last one with the trade, or a new one. */
export function withTrade(last: Candle | undefined, trade: TapeTrade, seconds: number): Candle {
  const price = Number(trade.price);
  const began = Math.floor(Date.parse(trade.executed_at) / 1_000 / seconds) * seconds;
  const time = Math.max(began, last?.time ?? began);
  if (last?.time !== time) {
    return { time, open: price, high: price, low: price, close: price, volume: trade.quantity };
  }
  return {
    time,
    open: last.open,
    high: Math.max(last.high, price),
    low: Math.min(last.low, price),
    close: price,
    volume: last.volume + trade.quantity,
  };
}
