/** The account's orders: those of the API when the page opened, and each change since. */

import { type Api, type Order, told } from "../lib/api-client";
import type { Notification } from "./feed";
import type { Feeds, Subscription } from "./feeds";
import { Store } from "./store";

const ACTIVE: ReadonlySet<string> = new Set(["pending", "partial"]);
const RECENT = 100;
const MOST_FINISHED = 500;
export const ORDERS_PATH = "/ws/orders/me";

export interface OrderTrade {
  readonly id: string;
  readonly quantity: number;
  readonly price: string;
  readonly executed_at: string;
}

export interface OrderEvent {
  readonly order: Order;
  readonly cause: string;
  readonly trade: OrderTrade | null;
}

type FedOrder = Omit<Order, "id"> & { order_id: string; cause?: string; trade?: OrderTrade | null };

export class OrdersStore extends Store {
  readonly #orders = new Map<string, Order>();
  /** Told each change, for who wants to say so. */
  onEvent: (event: OrderEvent) => void = () => {};
  loaded = false;
  #subscription: Subscription | null = null;

  constructor(
    private readonly api: Api,
    private readonly feeds: Feeds,
  ) {
    super();
  }

  open(): this {
    this.#subscription = this.feeds.listen(ORDERS_PATH, (notification) => this.#told(notification));
    return this;
  }

  close(): void {
    this.#subscription?.close();
  }

  /** Read the newest from the API: the feed tells of open orders and of changes alone. */
  async load(): Promise<void> {
    const page = await told(this.api.http.GET("/api/v2/orders", { params: { query: { limit: RECENT } } }));
    for (const order of page.items) this.put(order);
    this.loaded = true;
    this.changed();
  }

  /** An order as somebody told it; what is older than what is known is left out. */
  put(order: Order): boolean {
    const known = this.#orders.get(order.id);
    if (known && isNewer(known, order)) return false;
    this.#orders.set(order.id, order);
    if (!isActive(order)) this.#forget();
    this.changed();
    return true;
  }

  get all(): Order[] {
    return [...this.#orders.values()].sort(
      (a, b) => compare(b.created_at, a.created_at) || compare(b.id, a.id),
    );
  }

  get working(): Order[] {
    return this.all.filter((order) => ACTIVE.has(order.status));
  }

  get finished(): Order[] {
    return this.all.filter((order) => !ACTIVE.has(order.status));
  }

  /** Forget those that ended first, beyond so many. */
  #forget(): void {
    if (this.#orders.size <= MOST_FINISHED) return;
    const ended = this.finished.sort((a, b) => compare(b.updated_at, a.updated_at));
    for (const order of ended.slice(MOST_FINISHED)) this.#orders.delete(order.id);
  }

  #told({ method, params }: Notification): void {
    if (method === "orders.snapshot") this.#snapshot(params.orders as FedOrder[]);
    if (method === "order.update") this.#update(params as unknown as FedOrder);
  }

  /** What is open here and not in the snapshot has ended meanwhile: the API knows how. */
  #snapshot(orders: readonly FedOrder[]): void {
    const open = new Set(orders.map((order) => order.order_id));
    const ended = this.loaded && this.working.some((order) => !open.has(order.id));
    for (const order of orders) this.put(plain(order));
    this.loaded = true;
    if (ended) void this.load().catch(() => {});
    this.changed();
  }

  #update(update: FedOrder): void {
    const { cause = "", trade = null } = update;
    const order = plain(update);
    if (this.put(order)) this.onEvent({ order, cause, trade });
  }
}

export function isActive(order: Order): boolean {
  return ACTIVE.has(order.status);
}

/** An order of the feed as the API tells it. */
function plain(fed: FedOrder): Order {
  const { order_id, cause: _cause, trade: _trade, ...rest } = fed as FedOrder & { cursor?: string };
  delete rest.cursor;
  return { ...rest, id: order_id };
}

/** Whether what is known is newer: it happened later, or an end is told after which nothing comes. */
function isNewer(known: Order, other: Order): boolean {
  const after = compare(known.updated_at, other.updated_at);
  if (after !== 0) return after > 0;
  const filled = known.filled_quantity - other.filled_quantity;
  return filled !== 0 ? filled > 0 : !isActive(known) && isActive(other);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
