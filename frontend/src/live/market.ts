/** A book as it is now: its depth, its tape, its status. */

import type { Level, TapeTrade } from "../lib/api-client";
import { micros } from "../lib/money";
import type { Notification } from "./feed";
import type { Feeds, Subscription } from "./feeds";
import { Store } from "./store";

const LONGEST_TAPE = 2_000;

export interface Rung extends Level {
  /** GPUs at this price and all better ones. */
  readonly total: number;
}

interface LevelChange extends Level {
  readonly side: "bid" | "ask";
}

/** One side of a book, by price. */
export class Side {
  #levels = new Map<bigint, Level>();
  #sorted: Level[] | null = null;

  constructor(private readonly descending: boolean) {}

  replace(levels: readonly Level[]): void {
    this.#levels = new Map(levels.map((level) => [priceOf(level), level]));
    this.#sorted = null;
  }

  set(level: Level): void {
    if (level.quantity === 0) this.#levels.delete(priceOf(level));
    else this.#levels.set(priceOf(level), level);
    this.#sorted = null;
  }

  /** The best levels, each with the sum up to it. */
  best(most: number): Rung[] {
    let total = 0;
    return this.sorted.slice(0, most).map(({ price, quantity, orders }) => {
      total += quantity;
      return { price, quantity, orders, total };
    });
  }

  get sorted(): readonly Level[] {
    if (this.#sorted === null) {
      const entries = [...this.#levels].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
      this.#sorted = (this.descending ? entries.reverse() : entries).map(([, level]) => level);
    }
    return this.#sorted;
  }
}

/** Depth as a snapshot and changes make it (docs/feeds.md). */
export class Depth {
  readonly bids = new Side(true);
  readonly asks = new Side(false);
  lastSeq = -1;

  snapshot(lastSeq: number, bids: readonly Level[], asks: readonly Level[]): void {
    this.bids.replace(bids);
    this.asks.replace(asks);
    this.lastSeq = lastSeq;
  }

  /** Apply a change; false if it does not follow what is known. */
  update(prevSeq: number, lastSeq: number, levels: readonly LevelChange[]): boolean {
    if (lastSeq <= this.lastSeq) return true;
    if (prevSeq > this.lastSeq) return false;
    for (const { side, price, quantity, orders } of levels) {
      (side === "bid" ? this.bids : this.asks).set({ price, quantity, orders });
    }
    this.lastSeq = lastSeq;
    return true;
  }
}

/** Trades of a book, newest first, each once. */
export class Tape {
  /** How often trades came to be known of a time before the newest, or several at once. */
  mended = 0;
  #trades: TapeTrade[] = [];
  readonly #known = new Set<string>();

  get trades(): readonly TapeTrade[] {
    return this.#trades;
  }

  /** Add trades in any order. Returns those that were not known. */
  add(trades: readonly TapeTrade[]): TapeTrade[] {
    const fresh = trades.filter((trade) => !this.#known.has(trade.id));
    for (const trade of fresh) this.#known.add(trade.id);
    if (!fresh.length) return fresh;
    const newest = this.#trades[0]?.book_seq ?? -1;
    const isNext = fresh.length === 1 && (fresh[0]?.book_seq ?? 0) > newest;
    this.#trades = [...fresh, ...this.#trades];
    if (!isNext) {
      this.#trades.sort((a, b) => b.book_seq - a.book_seq);
      this.mended += 1;
    }
    for (const old of this.#trades.splice(LONGEST_TAPE)) this.#known.delete(old.id);
    return fresh;
  }
}

/** A book, fed by its channel. */
export class BookStore extends Store {
  readonly depth = new Depth();
  readonly tape = new Tape();
  status: "open" | "halted" = "open";
  hasDepth = false;
  /** Told each trade that is new. */
  onTrade: (trade: TapeTrade) => void = () => {};
  /** Told when the feed began anew: what traded meanwhile it does not tell. */
  onGap: () => void = () => {};
  #subscription: Subscription | null = null;

  constructor(
    readonly bookId: string,
    private readonly feeds: Feeds,
  ) {
    super();
  }

  get path(): string {
    return `/ws/market/${this.bookId}`;
  }

  open(): this {
    this.#subscription = this.feeds.listen(this.path, (notification) => this.#told(notification));
    return this;
  }

  close(): void {
    this.#subscription?.close();
  }

  /** Trades that the feed did not tell. */
  addHistory(trades: readonly TapeTrade[]): void {
    this.tape.add(trades);
    this.changed();
  }

  #told({ method, params }: Notification): void {
    const told = params as never;
    if (method === "depth.snapshot") this.#snapshot(told);
    else if (method === "depth.update") this.#update(told);
    else if (method === "market.trade") this.#trade(told);
    else if (method === "market.status") this.status = (told as { status: "open" | "halted" }).status;
    this.changed();
  }

  #snapshot(told: { status: "open" | "halted"; last_seq: number; bids: Level[]; asks: Level[] }): void {
    this.depth.snapshot(told.last_seq, told.bids, told.asks);
    this.status = told.status;
    if (this.hasDepth) this.onGap();
    this.hasDepth = true;
  }

  #update(told: { prev_seq: number; last_seq: number; levels: LevelChange[] }): void {
    const follows = this.depth.update(told.prev_seq, told.last_seq, told.levels);
    if (!follows) void this.#subscription?.channel?.request("subscribe").catch(() => {});
  }

  #trade(trade: TapeTrade): void {
    for (const fresh of this.tape.add([trade])) this.onTrade(fresh);
  }
}

function priceOf(level: Level): bigint {
  return micros(level.price) ?? 0n;
}
