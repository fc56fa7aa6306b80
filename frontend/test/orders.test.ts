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

test("orders are told newest first", () => {
  const { store } = opened();
  store.put(order({ id: "a", created_at: "2026-01-05T08:00:00.000Z" }));
  store.put(order({ id: "b", created_at: "2026-01-05T09:00:00.000Z" }));
  expect(store.all.map((each) => each.id)).toEqual(["b", "a"]);
});
