import { expect, test } from "vitest";
import type { TapeTrade } from "../src/lib/api-client";
import { candlesOf, withTrade } from "../src/lib/candles";

function trade(seq: number, second: number, price: string, quantity = 1): TapeTrade {
  const executed_at = new Date(Date.UTC(2026, 0, 5, 9, 30, second)).toISOString();
  return {
    id: `t${seq}`,
    book_id: "H100.ondemand",
    book_seq: seq,
    quantity,
    price,
    duration_hours: 24,
    region: "us-west-2",
    aggressor: "bid",
    executed_at,
  };
}

const TRADES = [
  trade(1, 0, "2.50"),
  trade(2, 20, "2.70", 2),
  trade(3, 59, "2.40"),
  trade(4, 60, "2.60"),
].reverse();

test("trades of a minute are one candle", () => {
  const began = Date.UTC(2026, 0, 5, 9, 30) / 1_000;
  expect(candlesOf(TRADES, 60)).toEqual([
    { time: began, open: 2.5, high: 2.7, low: 2.4, close: 2.4, volume: 4 },
    { time: began + 60, open: 2.6, high: 2.6, low: 2.6, close: 2.6, volume: 1 },
  ]);
});

test("a candle grown trade by trade is that of all trades", () => {
  const grown = [...TRADES].reverse().reduce<ReturnType<typeof candlesOf>>((candles, each) => {
    const next = withTrade(candles.at(-1), each, 300);
    return candles.slice(0, candles.at(-1)?.time === next.time ? -1 : undefined).concat(next);
  }, []);
  expect(grown).toEqual(candlesOf(TRADES, 300));
});

test("a trade whose time is before the last candle's counts in that one", () => {
  const last = candlesOf(TRADES, 60).at(-1);
  expect(withTrade(last, trade(5, 10, "3.00"), 60)).toMatchObject({ time: last?.time, close: 3, volume: 2 });
});
