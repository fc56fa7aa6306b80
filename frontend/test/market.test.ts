import { expect, test } from "vitest";
import type { Notification } from "../src/live/feed";
import type { Feeds } from "../src/live/feeds";
import { BookStore, Depth, Tape } from "../src/live/market";

function level(price: string, quantity: number) {
  return { price, quantity, orders: 1 };
}

function depth(): Depth {
  const made = new Depth();
  made.snapshot(41, [level("2.5000", 8), level("2.4000", 4)], [level("2.6000", 4), level("10.0000", 1)]);
  return made;
}

test("levels are sorted as numbers, best first, with sums", () => {
  expect(
    depth()
      .bids.best(9)
      .map((rung) => [rung.price, rung.total]),
  ).toEqual([
    ["2.5000", 8],
    ["2.4000", 12],
  ]);
  expect(depth().asks.best(1)).toEqual([{ price: "2.6000", quantity: 4, orders: 1, total: 4 }]);
  expect(depth().asks.best(9).at(-1)?.price).toBe("10.0000");
});

test("a change sets levels; 0 takes one away", () => {
  const changed = depth();
  const levels = [
    { side: "bid" as const, ...level("2.5000", 0) },
    { side: "ask" as const, ...level("2.5500", 2) },
  ];
  expect(changed.update(41, 47, levels)).toBe(true);
  expect(changed.bids.best(1)[0]?.price).toBe("2.4000");
  expect(changed.asks.best(1)[0]?.price).toBe("2.5500");
  expect(changed.lastSeq).toBe(47);
});

test("an old change is dropped, one that does not follow is told", () => {
  const known = depth();
  expect(known.update(30, 41, [{ side: "bid", ...level("9.0000", 1) }])).toBe(true);
  expect(known.bids.best(1)[0]?.price).toBe("2.5000");
  expect(known.update(42, 43, [{ side: "bid", ...level("9.0000", 1) }])).toBe(false);
  expect(known.lastSeq).toBe(41);
});

test("the tape has each trade once, newest first, whatever order they come in", () => {
  const tape = new Tape();
  const trade = (seq: number) => ({ id: `t${seq}`, book_seq: seq }) as never;
  tape.add([trade(5), trade(3)]);
  expect(tape.add([trade(4), trade(5)])).toHaveLength(1);
  tape.add([trade(6)]);
  expect(tape.trades.map((each) => each.book_seq)).toEqual([6, 5, 4, 3]);
});

test("a tape tells when trades came that are not simply the next", () => {
  const tape = new Tape();
  const trade = (seq: number) => ({ id: `t${seq}`, book_seq: seq }) as never;
  tape.add([trade(1), trade(2)]);
  const begun = tape.mended;
  tape.add([trade(5)]);
  tape.add([trade(1), trade(5)]);
  expect(tape.mended).toBe(begun);
  tape.add([trade(3), trade(4)]);
  expect(tape.mended).toBe(begun + 1);
});

test("a snapshot after the first is a gap, of which the feed tells no trades", () => {
  let tell: (notification: Notification) => void = () => {};
  const listen = (_: string, hear: typeof tell) => {
    tell = hear;
    return { channel: null, close() {} };
  };
  const book = new BookStore("H100.ondemand", { listen } as unknown as Feeds).open();
  let gaps = 0;
  book.onGap = () => {
    gaps += 1;
  };
  const snapshot = { method: "depth.snapshot", params: { status: "open", last_seq: 1, bids: [], asks: [] } };
  tell(snapshot);
  expect(gaps).toBe(0);
  tell(snapshot);
  expect(gaps).toBe(1);
});
