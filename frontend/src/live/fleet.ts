/** A provider's clusters and nodes, as registered and as they are now. */

import {
  type Api,
  type Cluster,
  type GpuReading,
  type Node,
  type NodeReading,
  told,
} from "../lib/api-client";
import type { Notification } from "./feed";
import type { Feeds, Subscription } from "./feeds";
import { Store } from "./store";

const PAGE = 1_000;
const KEPT_POINTS = 360;
const SAMPLE_MS = 5_000;
const REST_MS = 200;
const NAMES = new Intl.Collator("en", { numeric: true });

/** A node: what was registered, with what the market and the node itself told last. */
export interface LiveNode {
  readonly id: string;
  readonly clusterId: string;
  readonly hostname: string;
  readonly gpuType: string;
  readonly status: Node["status"];
  readonly maintenance: boolean;
  readonly basePrice: string | null;
  readonly surgeEnabled: boolean;
  readonly available: number;
  readonly held: number;
  readonly allocated: number;
  readonly gpuCount: number;
  readonly gpus: readonly (GpuReading | null)[];
  readonly self: NodeReading | null;
}

/** What the feed tells of a node's state. */
interface FedNode {
  node_id: string;
  hostname: string;
  gpu_type: string;
  status: Node["status"];
  maintenance: boolean;
  removed: boolean;
  available: number;
  held: number;
  allocated: number;
  in_maintenance: number;
  offline: number;
  base_price: string | null;
  surge_enabled: boolean;
  gpus?: GpuReading[];
  node?: NodeReading | null;
}

export interface Sample {
  readonly at: number;
  readonly value: number;
}

export class FleetStore extends Store {
  clusters: Cluster[] = [];
  readonly nodes = new Map<string, LiveNode>();
  /** Mean utilisation of each cluster's GPUs over the last half hour that the page was open. */
  readonly samples = new Map<string, Sample[]>();
  loaded = false;
  readonly #subscriptions = new Map<string, Subscription>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly api: Api,
    private readonly feeds: Feeds,
  ) {
    super(REST_MS);
  }

  /** Read what is registered, and listen to each cluster. */
  async load(): Promise<void> {
    const query = { limit: PAGE };
    const [clusters, nodes] = await Promise.all([
      told(this.api.http.GET("/api/v2/providers/me/clusters", { params: { query } })),
      told(this.api.http.GET("/api/v2/nodes", { params: { query } })),
    ]);
    this.clusters = clusters.items;
    for (const node of nodes.items) this.#register(node);
    const registered = new Set(nodes.items.map((node) => node.id));
    for (const id of this.nodes.keys()) if (!registered.has(id)) this.nodes.delete(id);
    for (const cluster of clusters.items) this.#listen(cluster.id);
    this.loaded = true;
    this.#timer ??= setInterval(() => this.#sample(), SAMPLE_MS);
    this.changed();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const subscription of this.#subscriptions.values()) subscription.close();
    this.#subscriptions.clear();
  }

  nodesOf(clusterId: string): LiveNode[] {
    const own = [...this.nodes.values()].filter((node) => node.clusterId === clusterId);
    return own.sort((a, b) => NAMES.compare(a.hostname, b.hostname) || (a.id < b.id ? -1 : 1));
  }

  #listen(clusterId: string): void {
    if (this.#subscriptions.has(clusterId)) return;
    const path = telemetryPath(clusterId);
    const told = (notification: Notification) => this.#told(clusterId, notification);
    this.#subscriptions.set(clusterId, this.feeds.listen(path, told));
  }

  /** A node as registered; while its feed is live, that knows better how it is. */
  #register(node: Node): void {
    const known = this.nodes.get(node.id);
    const isLive = this.feeds.stateOf(telemetryPath(node.cluster_id)) === "live";
    if (known && isLive) {
      this.nodes.set(node.id, { ...known, hostname: node.hostname });
      return;
    }
    const allocated = node.gpus.filter((gpu) => gpu.status === "allocated").length;
    const held = Math.min(known?.held ?? 0, allocated);
    this.nodes.set(node.id, {
      id: node.id,
      clusterId: node.cluster_id,
      hostname: node.hostname,
      gpuType: node.gpus[0]?.model ?? "",
      status: node.status,
      maintenance: node.status === "maintenance",
      basePrice: node.base_price,
      surgeEnabled: node.surge_enabled,
      available: node.gpus.filter((gpu) => gpu.status === "available").length,
      held,
      allocated: allocated - held,
      gpuCount: node.gpus.length,
      gpus: known?.gpus ?? node.gpus.map(() => null),
      self: known?.self ?? null,
    });
  }

  #told(clusterId: string, { method, params }: Notification): void {
    if (method === "telemetry.snapshot") {
      this.#snapshot(clusterId, params.nodes as FedNode[]);
    } else if (method === "node.update") {
      this.#market(clusterId, params as unknown as FedNode);
    } else if (method === "telemetry.reading") {
      this.#reading(params as unknown as { node_id: string; gpus: GpuReading[]; node: NodeReading | null });
    }
    this.changed();
  }

  /** Every node of the cluster: one that is not in it was removed while nobody listened. */
  #snapshot(clusterId: string, nodes: readonly FedNode[]): void {
    const told = new Set(nodes.map((node) => node.node_id));
    for (const { id } of this.nodesOf(clusterId)) if (!told.has(id)) this.nodes.delete(id);
    for (const node of nodes) this.#market(clusterId, node);
  }

  #market(clusterId: string, fed: FedNode): void {
    if (fed.removed) {
      this.nodes.delete(fed.node_id);
      return;
    }
    const known = this.nodes.get(fed.node_id);
    const counted = fed.available + fed.held + fed.allocated + fed.in_maintenance + fed.offline;
    const gpuCount = counted || known?.gpuCount || 0;
    this.nodes.set(fed.node_id, {
      id: fed.node_id,
      clusterId,
      hostname: fed.hostname,
      gpuType: fed.gpu_type,
      status: fed.maintenance ? "maintenance" : fed.status,
      maintenance: fed.maintenance,
      basePrice: fed.base_price,
      surgeEnabled: fed.surge_enabled,
      available: fed.available,
      held: fed.held,
      allocated: fed.allocated,
      gpuCount,
      gpus: merged(known?.gpus ?? [], fed.gpus ?? [], gpuCount),
      self: fed.node ?? known?.self ?? null,
    });
  }

  #reading(told: { node_id: string; gpus: GpuReading[]; node: NodeReading | null }): void {
    const known = this.nodes.get(told.node_id);
    if (!known) return;
    const gpus = merged(known.gpus, told.gpus, known.gpuCount);
    this.nodes.set(known.id, { ...known, gpus, self: told.node ?? known.self });
  }

  #sample(): void {
    const at = Date.now();
    for (const { id } of this.clusters) {
      const value = meanUtilization(this.nodesOf(id));
      if (value === null) continue;
      const before = this.samples.get(id) ?? [];
      this.samples.set(id, [...before.slice(1 - KEPT_POINTS), { at, value }]);
    }
    this.changed();
  }
}

export function telemetryPath(clusterId: string): string {
  return `/ws/telemetry/${clusterId}`;
}

/** What the GPUs of these nodes measured last, on average; null if none did. */
export function meanUtilization(nodes: readonly LiveNode[]): number | null {
  let sum = 0;
  let readings = 0;
  for (const node of nodes) {
    for (const gpu of node.gpus) {
      if (gpu) {
        sum += gpu.gpu_utilization;
        readings += 1;
      }
    }
  }
  return readings ? sum / readings : null;
}

/** The readings by GPU, with the new ones in their places. */
function merged(
  known: readonly (GpuReading | null)[],
  fresh: readonly GpuReading[],
  count: number,
): (GpuReading | null)[] {
  const all = Array.from({ length: count }, (_, index) => known[index] ?? null);
  for (const reading of fresh) all[reading.gpu_index] = reading;
  return all;
}
