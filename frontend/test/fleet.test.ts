import { expect, test, vi } from "vitest";
import type { Notification } from "../src/live/feed";
import type { Feeds } from "../src/live/feeds";
import { FleetStore, telemetryPath } from "../src/live/fleet";

type Hear = (notification: Notification) => void;

/** A fleet of these clusters without a registered node, and what its feeds can tell. */
async function opened(...clusters: string[]) {
  const heard = new Map<string, Hear>();
  const listen = (path: string, hear: Hear) => {
    heard.set(path, hear);
    return { channel: null, close() {} };
  };
  const items = { "/api/v2/providers/me/clusters": clusters.map((id) => ({ id })) } as Record<
    string,
    unknown[]
  >;
  const GET = async (path: string) => ({ data: { items: items[path] ?? [] }, response: new Response() });
  const store = new FleetStore({ http: { GET } } as never, { listen } as unknown as Feeds);
  await store.load();
  const tell = (clusterId: string, method: string, params: Record<string, unknown>) =>
    heard.get(telemetryPath(clusterId))?.({ method, params });
  return { store, tell };
}

function fed(node_id: string) {
  const counts = { available: 8, held: 0, allocated: 0, in_maintenance: 0, offline: 0 };
  const node = { hostname: node_id, gpu_type: "H100", status: "healthy", maintenance: false, removed: false };
  return { node_id, ...node, ...counts, base_price: null, surge_enabled: false };
}

test("a snapshot takes away the cluster's nodes that are not in it, and no others", async () => {
  vi.useFakeTimers();
  const { store, tell } = await opened("a", "b");
  tell("a", "telemetry.snapshot", { nodes: [fed("a1"), fed("a2")] });
  tell("b", "telemetry.snapshot", { nodes: [fed("b1")] });
  tell("a", "telemetry.snapshot", { nodes: [fed("a2"), fed("a3")] });
  expect([...store.nodes.keys()].sort()).toEqual(["a2", "a3", "b1"]);
  store.close();
  vi.useRealTimers();
});
