/** All channels of the page: opened when first needed, shared by who needs the same, closed when nobody does. */

import { type Api, ApiProblem, told } from "../lib/api-client";
import { FeedChannel, type FeedHandler, type FeedState, type Notification } from "./feed";
import { Store } from "./store";

const WORST: readonly FeedState[] = ["refused", "stale", "connecting", "live", "closed"];
const RETRY_MS = 5_000;

export interface Subscription {
  readonly channel: FeedChannel | null;
  close(): void;
}

export class Feeds extends Store {
  /** Why there are no feeds at all; empty if there are. */
  trouble = "";
  readonly #open = new Map<string, { channel: FeedChannel | null; handler: FeedHandler }>();
  #url: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly api: Api,
    private readonly key: string,
  ) {
    super();
  }

  /** Listen to a channel, such as /ws/pricing; one listener each. */
  listen(path: string, hear: (notification: Notification) => void): Subscription {
    const handler: FeedHandler = { told: hear, changed: () => this.changed() };
    const entry = { channel: null as FeedChannel | null, handler };
    this.#open.get(path)?.channel?.close();
    this.#open.set(path, entry);
    this.#start(path);
    return {
      get channel() {
        return entry.channel;
      },
      close: () => {
        entry.channel?.close();
        if (this.#open.get(path) === entry) this.#open.delete(path);
        this.changed();
      },
    };
  }

  /** Learn where the feeds are; until that is known, everything is stale. */
  async find(): Promise<void> {
    try {
      this.#url = (await told(this.api.http.GET("/api/v2/feeds"))).url;
      this.trouble = "";
      for (const path of this.#open.keys()) this.#start(path);
    } catch (error) {
      this.trouble = error instanceof ApiProblem ? error.detail : String(error);
      this.#timer = setTimeout(() => void this.find(), RETRY_MS);
    }
    this.changed();
  }

  closeAll(): void {
    clearTimeout(this.#timer);
    for (const { channel } of this.#open.values()) channel?.close();
    this.#open.clear();
  }

  /** How a channel is. */
  stateOf(path: string): FeedState {
    return this.#open.get(path)?.channel?.state ?? (this.trouble ? "stale" : "connecting");
  }

  /** How all of them together are: as the worst of them. */
  get state(): FeedState {
    const states = [...this.#open.keys()].map((path) => this.stateOf(path));
    return WORST.find((state) => states.includes(state)) ?? "live";
  }

  /** Why the worst of them is not live. */
  get reason(): string {
    if (this.trouble) return this.trouble;
    const worst = this.state;
    return [...this.#open.values()].find(({ channel }) => channel?.state === worst)?.channel?.reason ?? "";
  }

  #start(path: string): void {
    const entry = this.#open.get(path);
    if (!entry || entry.channel || this.#url === null) return;
    entry.channel = new FeedChannel(this.#url + path, this.key, entry.handler).open();
    this.changed();
  }
}
