import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FeedChannel, type Notification } from "../src/live/feed";

class FakeSocket {
  static all: FakeSocket[] = [];
  static OPEN = 1;
  readyState = 1;
  sent: Record<string, unknown>[] = [];
  onopen: () => void = () => {};
  onmessage: (event: { data: string }) => void = () => {};
  onclose: ((event: { code: number }) => void) | null = () => {};

  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  tell(message: Record<string, unknown>): void {
    this.onmessage({ data: JSON.stringify({ jsonrpc: "2.0", ...message }) });
  }

  notify(method: string, params: Record<string, unknown>): void {
    this.tell({ method, params });
  }

  cut(code = 1006): void {
    this.onclose?.({ code });
  }
}

function newest(): FakeSocket {
  const socket = FakeSocket.all.at(-1);
  if (!socket) throw new Error("nobody connected");
  return socket;
}

function opened() {
  const told: Notification[] = [];
  const states: string[] = [];
  const handler = {
    told: (each: Notification) => void told.push(each),
    changed: (each: FeedChannel) => void states.push(each.state),
  };
  const channel = new FeedChannel("ws://feeds/ws/pricing", "gpb_key", handler).open();
  newest().onopen();
  newest().tell({ id: 1, result: { resumed: false } });
  return { channel, told, states };
}

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("addEventListener", () => {});
  vi.stubGlobal("removeEventListener", () => {});
  vi.stubGlobal(
    "CloseEvent",
    class {
      code: number;
      constructor(_: string, { code }: { code: number }) {
        this.code = code;
      }
    },
  );
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("it says who it is in the first message, never in the address", () => {
  const { channel } = opened();
  expect(newest().url).toBe("ws://feeds/ws/pricing");
  expect(newest().sent[0]).toMatchObject({ method: "authenticate", params: { key: "gpb_key" } });
  expect(channel.state).toBe("live");
});

test("after a break it resumes with the newest cursor and is stale meanwhile", () => {
  const { channel, told } = opened();
  newest().notify("pricing.snapshot", { prices: [], cursor: "c1" });
  newest().notify("price.update", { cursor: "c2" });
  newest().cut();
  expect(channel.state).toBe("stale");
  vi.advanceTimersByTime(300);
  newest().onopen();
  expect(newest().sent[0]).toMatchObject({ params: { key: "gpb_key", cursor: "c2" } });
  newest().tell({ id: 1, result: { resumed: true } });
  expect(channel.state).toBe("live");
  expect(told.map((each) => each.method)).toEqual(["pricing.snapshot", "price.update"]);
});

test("it waits longer after each failure, but not for ever", () => {
  opened();
  for (let failures = 0; failures < 12; failures += 1) {
    newest().cut();
    vi.advanceTimersByTime(8_000);
  }
  expect(FakeSocket.all).toHaveLength(13);
});

test("feeds that are behind, or told to resynchronise, are stale until the snapshot", () => {
  const { channel } = opened();
  newest().notify("heartbeat", { behind_ms: 9_000 });
  expect([channel.state, channel.reason]).toEqual(["stale", "the feeds are 9 s behind"]);
  newest().notify("heartbeat", { behind_ms: 0 });
  expect(channel.state).toBe("live");
  newest().notify("resync", { reason: "gap", detail: "something was missed" });
  expect(channel.state).toBe("stale");
  newest().notify("pricing.snapshot", { prices: [] });
  expect(channel.state).toBe("live");
});

test("silence of 25 s is a broken connection, whatever the socket believes", () => {
  const { channel } = opened();
  vi.advanceTimersByTime(24_000);
  newest().notify("heartbeat", { behind_ms: 0 });
  vi.advanceTimersByTime(24_000);
  expect(channel.state).toBe("live");
  vi.advanceTimersByTime(1_000);
  expect(channel.state).toBe("stale");
  vi.advanceTimersByTime(300);
  expect(FakeSocket.all).toHaveLength(2);
});

test("a refusal is final", () => {
  const { channel } = opened();
  newest().cut(4401);
  vi.advanceTimersByTime(60_000);
  expect([channel.state, FakeSocket.all.length]).toEqual(["refused", 1]);
});

test("a request gets its own answer, or an error when the connection breaks", async () => {
  const { channel } = opened();
  const halted = channel.request("halt_book", { book_id: "H100.ondemand" });
  newest().tell({ id: 2, result: { status: "halted" } });
  expect(await halted).toEqual({ status: "halted" });
  const lost = channel.request("ping");
  newest().cut();
  await expect(lost).rejects.toThrow("the connection broke");
});
