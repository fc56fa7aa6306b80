/** The system's state, as administrators see it, and what they can do to it. */

import type { Notification } from "./feed";
import type { Feeds, Subscription } from "./feeds";
import { Store } from "./store";

export const CONTROL_PATH = "/ws/admin/control";
const KEPT_AUDITS = 50;

export interface SystemState {
  readonly at: string;
  readonly status: string;
  readonly dependencies: Record<string, string>;
  readonly jobs: readonly { name: string; state: string; started_at: string | null }[] | null;
  readonly books:
    | readonly { book_id: string; status: "open" | "halted"; resting: number; book_seq: number }[]
    | null;
  readonly connections: { total: number; channels: Record<string, number> };
}

export interface Audit {
  readonly id: string;
  readonly action: string;
  readonly subject: string;
  readonly actor: string;
  readonly outcome: string;
  readonly code: string | null;
  readonly occurred_at: string;
}

export class ControlStore extends Store {
  system: SystemState | null = null;
  audits: Audit[] = [];
  #subscription: Subscription | null = null;

  constructor(private readonly feeds: Feeds) {
    super();
  }

  open(): this {
    this.#subscription = this.feeds.listen(CONTROL_PATH, (notification) => this.#told(notification));
    return this;
  }

  close(): void {
    this.#subscription?.close();
  }

  /** Halt a book, or resume it: a command in its log. */
  async setHalted(bookId: string, halted: boolean): Promise<string> {
    const channel = this.#subscription?.channel;
    if (!channel) throw new Error("the feeds are not connected");
    const answer = await channel.request(halted ? "halt_book" : "resume_book", { book_id: bookId });
    return (answer as { status: string }).status;
  }

  #told({ method, params }: Notification): void {
    if (method === "control.state") this.system = params as unknown as SystemState;
    if (method === "control.audit")
      this.audits = [params as unknown as Audit, ...this.audits].slice(0, KEPT_AUDITS);
    this.changed();
  }
}
