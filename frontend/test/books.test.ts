import { expect, test } from "vitest";
import type { Book } from "../src/lib/api-client";
import { busiest } from "../src/lib/books";

function book(id: string, resting: number, status: Book["status"] = "open"): Book {
  const empty = { best_bid: null, best_ask: null, bid_quantity: 0, ask_quantity: 0 };
  return { id, book_seq: 1, status, resting, ...empty };
}

test("the busiest book has the most resting orders", () => {
  expect(busiest([book("A10.spot", 3), book("H100.ondemand", 40), book("T4.spot", 12)])).toBe(
    "H100.ondemand",
  );
});

test("of several the first by name, and no halted one", () => {
  expect(busiest([book("A10.spot", 9, "halted"), book("L4.spot", 5), book("T4.spot", 5)])).toBe("L4.spot");
});

test("a market in which nothing rests has none", () => {
  expect(busiest([])).toBeNull();
  expect(busiest([book("A10.spot", 0)])).toBeNull();
});
