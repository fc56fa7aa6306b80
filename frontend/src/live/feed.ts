/** A channel of the feeds: connects, says who it is, and after every break resumes where it was. */

export type FeedState = "connecting" | "live" | "stale" | "refused" | "closed";

export interface Notification {
  readonly method: string;
  readonly params: Record<string, unknown>;
}

export interface FeedHandler {
  /** A notification other than heartbeats; a snapshot replaces what is known, all else changes it. */
  told(notification: Notification): void;
  /** How the channel is now. */
  changed(channel: FeedChannel): void;
}

/** A request on a channel that was refused. */
export class FeedError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8_000;
const SILENCE_MS = 25_000;
const BEHIND_MS = 3_000;
const REQUEST_MS = 10_000;
const FINAL_CODES: ReadonlySet<number> = new Set([4400, 4401, 4403, 4404]);

interface Waiting {
  resolve(result: unknown): void;
  reject(error: FeedError): void;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class FeedChannel {
  state: FeedState = "connecting";
  /** Why it is not live, for people. */
  reason = "connecting";
  /** When something was heard last. */
  heardAt = 0;
  #socket: WebSocket | null = null;
  #cursor: string | null = null;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #nextId = 2;
  readonly #waiting = new Map<number, Waiting>();
  readonly #retryNow = () => this.#retry();

  constructor(
    readonly url: string,
    private readonly key: string,
    private readonly handler: FeedHandler,
  ) {}

  open(): this {
    addEventListener("online", this.#retryNow);
    this.#connect();
    return this;
  }

  close(): void {
    removeEventListener("online", this.#retryNow);
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    const socket = this.#socket;
    this.#socket = null;
    this.#become("closed", "closed");
    if (socket) part(socket);
  }

  /** Ask something of the channel, such as `halt_book`.
   *
   * @throws FeedError if it is refused, or not answered in time.
   */
  request(method: string, params?: Record<string, unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) {
        reject(new FeedError(0, "the feed is not connected"));
        return;
      }
      const id = this.#nextId++;
      const late = { error: { code: 0, message: "no answer in time" } };
      const timer = setTimeout(() => this.#settle(id, late), REQUEST_MS);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#send({ id, method, ...(params ? { params } : {}) });
    });
  }

  #connect(): void {
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    socket.onopen = () => {
      const params = this.#cursor === null ? { key: this.key } : { key: this.key, cursor: this.#cursor };
      this.#send({ id: 1, method: "authenticate", params });
    };
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#read(String(event.data));
    };
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#lost(event);
    };
    this.#expectSound();
  }

  #send(request: Record<string, unknown>): void {
    this.#socket?.send(JSON.stringify({ jsonrpc: "2.0", ...request }));
  }

  #read(text: string): void {
    const message = JSON.parse(text) as Record<string, unknown>;
    this.heardAt = Date.now();
    this.#expectSound();
    if (typeof message.method === "string") {
      this.#notified(message.method, (message.params ?? {}) as Record<string, unknown>);
    } else if (message.id === 1) {
      this.#authenticated(message);
    } else {
      this.#settle(Number(message.id), message);
    }
  }

  #authenticated(answer: Record<string, unknown>): void {
    if (answer.error) {
      this.#cursor = null;
      this.reason = (answer.error as { message: string }).message;
      return;
    }
    this.#failures = 0;
    this.#become("live", "live");
  }

  #notified(method: string, params: Record<string, unknown>): void {
    if (typeof params.cursor === "string") this.#cursor = params.cursor;
    if (method === "heartbeat") {
      this.#beaten(params.behind_ms as number | null);
      return;
    }
    if (method === "resync") {
      this.#cursor = null;
      this.#become("stale", String(params.detail ?? params.reason));
      return;
    }
    this.handler.told({ method, params });
    if (method.endsWith(".snapshot") || method === "control.state") this.#become("live", "live");
  }

  #beaten(behindMs: number | null): void {
    if (behindMs === null) this.#become("stale", "the feeds cannot reach the market's log");
    else if (behindMs > BEHIND_MS)
      this.#become("stale", `the feeds are ${Math.round(behindMs / 1_000)} s behind`);
    else this.#become("live", "live");
  }

  #settle(id: number, answer: Record<string, unknown>): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(waiting?.timer);
    const error = answer.error as { code: number; message: string } | undefined;
    if (error) waiting?.reject(new FeedError(error.code, error.message));
    else waiting?.resolve(answer.result);
  }

  #lost(event: CloseEvent): void {
    clearTimeout(this.#silence);
    this.#socket = null;
    for (const id of [...this.#waiting.keys()]) {
      this.#settle(id, { error: { code: 0, message: "the connection broke" } });
    }
    if (FINAL_CODES.has(event.code)) {
      this.#become("refused", this.reason === "live" ? `refused (${event.code})` : this.reason);
      return;
    }
    if (event.code === 4420) this.#cursor = null;
    const wait = Math.min(FIRST_WAIT_MS * 2 ** this.#failures, LONGEST_WAIT_MS) * (0.5 + Math.random() / 2);
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#connect(), wait);
    this.#become("stale", "the connection to the feeds broke; connecting again");
  }

  #retry(): void {
    if (this.state === "stale" && this.#socket === null) this.#connect();
  }

  /** A channel says something every ten seconds, or it is broken, whatever the socket believes. */
  #expectSound(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      const socket = this.#socket;
      if (!socket) return;
      socket.onclose = null;
      socket.close();
      this.#lost(new CloseEvent("close", { code: 1006 }));
    }, SILENCE_MS);
  }

  #become(state: FeedState, reason: string): void {
    if (state === this.state && reason === this.reason) return;
    this.state = state;
    this.reason = reason;
    this.handler.changed(this);
  }
}

/** Close a socket; one that is still connecting, as soon as it is connected, or browsers complain. */
function part(socket: WebSocket): void {
  if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close(1000);
  else socket.close(1000);
}
