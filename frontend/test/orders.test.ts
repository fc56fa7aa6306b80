import { expect, test } from "vitest";
import type { Order } from "../src/lib/api-client";
import type { Notification } from "../src/live/feed";
import type { Feeds } from "../src/live/feeds";
import { type OrderEvent, OrdersStore } from "../src/live/orders";

function order(changes: Partial<Order>): Order {
  const told = {
    id: "o1",
    status: "pending",
    filled_quantity: 0,
    created_at: "2026-01-05T09:00:00.000Z",
    updated_at: "2026-01-05T09:00:00.000Z",
  };
  return { ...told, ...changes } as Order;
}

function opened() {
  let tell: (notification: Notification) => void = () => {};
  const listen = (_: string, hear: typeof tell) => {
    tell = hear;
    return { channel: null, close() {} };
  };
  const feeds = { listen };
  const store = new OrdersStore({} as never, feeds as unknown as Feeds).open();
  const events: OrderEvent[] = [];
  store.onEvent = (event) => events.push(event);
  const update = (changes: Partial<Order>, cause: string) => {
    const { id, ...rest } = order(changes);
    tell({ method: "order.update", params: { ...rest, order_id: id, cause, trade: null, cursor: "c" } });
  };
  return { store, events, update };
}

test("an update of the feed is the order as the API tells it", () => {
  const { store, events, update } = opened();
  update({ status: "partial", filled_quantity: 4, updated_at: "2026-01-05T09:30:00.000Z" }, "matched");
  expect(store.working).toEqual([
    order({ status: "partial", filled_quantity: 4, updated_at: "2026-01-05T09:30:00.000Z" }),
  ]);
  expect(events.map((event) => event.cause)).toEqual(["matched"]);
});

test("what is older does not undo what is newer, and is not told again", () => {
  const { store, events, update } = opened();
  update({ status: "filled", filled_quantity: 8, updated_at: "2026-01-05T09:31:00.000Z" }, "matched");
  update({ status: "partial", filled_quantity: 4, updated_at: "2026-01-05T09:30:00.000Z" }, "matched");
  store.put(order({ status: "partial", filled_quantity: 4, updated_at: "2026-01-05T09:31:00.000Z" }));
  expect(store.finished.map((each) => each.status)).toEqual(["filled"]);
  expect(events).toHaveLength(1);
});

test("of many orders that ended the oldest are forgotten; one that works never is", () => {
  const { store, update } = opened();
  const at = (second: number) => new Date(Date.UTC(2026, 0, 5, 9, 0, second)).toISOString();
  store.put(order({ id: "working", created_at: at(-1), updated_at: at(-1) }));
  store.put(order({ id: "long", created_at: at(-1), updated_at: at(-1) }));
  for (let n = 0; n < 600; n++) {
    store.put(order({ id: `o${n}`, status: "filled", created_at: at(n), updated_at: at(n) }));
  }
  update({ id: "long", status: "cancelled", created_at: at(-1), updated_at: at(600) }, "cancelled");
  const ids = store.finished.map((each) => each.id);
  expect(ids).toHaveLength(500);
  expect([ids[0], ids.at(-2), ids.at(-1)]).toEqual(["o599", "o101", "long"]);
  expect(store.working.map((each) => each.id)).toEqual(["working"]);
});

test("orders are told newest first", () => {
  const { store } = opened();
  store.put(order({ id: "a", created_at: "2026-01-05T08:00:00.000Z" }));
  store.put(order({ id: "b", created_at: "2026-01-05T09:00:00.000Z" }));
  expect(store.all.map((each) => each.id)).toEqual(["b", "a"]);
});
