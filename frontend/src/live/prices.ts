/** Prices of all GPU types: the newest of each index, all regions together. */

import type { PriceIndex } from "../lib/api-client";
import type { Notification } from "./feed";
import type { Feeds, Subscription } from "./feeds";
import { Store } from "./store";

export const PRICING_PATH = "/ws/pricing";

export interface PriceOfNow extends PriceIndex {
  readonly gpu_type: string;
  readonly region: string | null;
  readonly spot_price: string | null;
  readonly base_price: string | null;
  readonly allocated: number;
  readonly held: number;
  readonly available: number;
  readonly utilization: number;
  readonly is_final: boolean;
}

export class PricesStore extends Store {
  readonly #newest = new Map<string, PriceOfNow>();
  #subscription: Subscription | null = null;

  constructor(private readonly feeds: Feeds) {
    super();
  }

  open(): this {
    this.#subscription = this.feeds.listen(PRICING_PATH, (notification) => this.#told(notification));
    return this;
  }

  close(): void {
    this.#subscription?.close();
  }

  /** What a type costs now, in one region or (null) in all. */
  of(gpuType: string, region: string | null = null): PriceOfNow | undefined {
    return this.#newest.get(keyOf({ gpu_type: gpuType, region }));
  }

  get everywhere(): PriceOfNow[] {
    const found = [...this.#newest.values()].filter((price) => price.region === null);
    return found.sort((a, b) => a.gpu_type.localeCompare(b.gpu_type, "en", { numeric: true }));
  }

  #told({ method, params }: Notification): void {
    if (method === "pricing.snapshot") for (const price of params.prices as PriceOfNow[]) this.#put(price);
    if (method === "price.update") this.#put(params as unknown as PriceOfNow);
    this.changed();
  }

  /** The spot price is of type and region; any product's index has it. */
  #put(price: PriceOfNow): void {
    if (!price.is_final) this.#newest.set(keyOf(price), price);
  }
}

function keyOf(price: { gpu_type: string; region: string | null }): string {
  return `${price.gpu_type} ${price.region ?? ""}`;
}
