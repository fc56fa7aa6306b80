import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { App } from "../app";
import type { Cluster, Node } from "../lib/api-client";
import { count, percent } from "../lib/formatters";
import { type FleetStore, type LiveNode, meanUtilization, telemetryPath } from "../live/fleet";
import { Watching } from "../live/store";
import { controls } from "../styles/controls";
import "./broker-sparkline";
import "./saas-infra-card";
import "./saas-status-dot";

type Health = Node["status"];

const HEALTHS: readonly Health[] = ["healthy", "degraded", "offline", "unknown", "maintenance"];

/** The provider's clusters with their nodes. Fires `open` with a node, `add-node` and `list` with a cluster,
 * and `add-cluster`. */
@customElement("broker-fleet")
export class BrokerFleet extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        min-height: 0;
      }
      .panel {
        height: 100%;
      }
      .filters {
        display: flex;
        gap: 8px;
        padding: 8px 12px;
        border-bottom: 1px solid var(--line);
        align-items: center;
        flex-wrap: wrap;
      }
      .filters input {
        flex: 1 1 120px;
        width: auto;
      }
      .filters select {
        width: auto;
      }
      .states {
        display: flex;
        gap: 10px;
        flex-wrap: wrap;
        font-variant-numeric: tabular-nums;
      }
      .list {
        flex: 1;
        position: relative;
        overflow: auto;
        scrollbar-width: thin;
        padding: 0 12px 12px;
      }
      section.cluster > header {
        display: flex;
        gap: 10px;
        align-items: center;
        flex-wrap: wrap;
        padding: 8px 0;
        position: sticky;
        top: 0;
        background: var(--surface);
        z-index: 1;
      }
      .cluster h3 {
        font-size: 13px;
      }
      .cluster .end {
        margin-left: auto;
        display: flex;
        gap: 6px;
        align-items: center;
      }
      .mean {
        min-width: 40px;
        text-align: right;
        font-weight: 600;
        font-variant-numeric: tabular-nums;
      }
      .nodes {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(224px, 1fr));
        gap: 8px;
      }
      .stale .nodes {
        opacity: 0.62;
      }
    `,
  ];

  @property({ attribute: false }) app!: App;
  @property({ attribute: false }) fleet!: FleetStore;
  @state() private text = "";
  @state() private health: Health | "" = "";

  constructor() {
    super();
    new Watching(this, () => [this.fleet, this.app.feeds]);
  }

  override render(): TemplateResult {
    const nodes = [...this.fleet.nodes.values()];
    const gpus = nodes.reduce((sum, node) => sum + node.gpuCount, 0);
    return html`<section class="panel" aria-label="Clusters and nodes">
      <header>
        <h2>Fleet</h2>
        <span class="quiet number">${count(nodes.length)} nodes · ${count(gpus)} GPUs</span>
        <div class="end">
          <button @click=${() => this.#fire("add-cluster")}>Add cluster</button>
          <button class="primary" @click=${() => this.#fire("list")} ?disabled=${!nodes.length}>List capacity</button>
        </div>
      </header>
      <div class="filters">
        <input type="search" placeholder="Find a node" aria-label="Find a node" @input=${(event: Event) => (this.text = (event.target as HTMLInputElement).value)} />
        <select aria-label="Health" @change=${(event: Event) => (this.health = (event.target as HTMLSelectElement).value as Health | "")}>
          <option value="">All states</option>
          ${HEALTHS.map((health) => html`<option value=${health}>${health === "unknown" ? "silent" : health}</option>`)}
        </select>
        <div class="states" role="group" aria-label="Nodes by state">${HEALTHS.map((health) => states(nodes, health))}</div>
      </div>
      <div class="list">
        ${repeat(
          this.fleet.clusters,
          (cluster) => cluster.id,
          (cluster) => this.#cluster(cluster),
        )}
        ${this.#nothing()}
      </div>
    </section>`;
  }

  #nothing(): TemplateResult | typeof nothing {
    if (this.fleet.clusters.length) return nothing;
    if (!this.fleet.loaded) return html`<p class="empty">Reading the fleet…</p>`;
    return html`<p class="empty">No cluster yet. A cluster is a group of nodes in one region: add one to begin.</p>`;
  }

  #cluster(cluster: Cluster): TemplateResult {
    const all = this.fleet.nodesOf(cluster.id);
    const shown = all.filter((node) => this.#fits(node));
    const free = all.reduce((sum, node) => sum + node.available, 0);
    const gpus = all.reduce((sum, node) => sum + node.gpuCount, 0);
    const mean = meanUtilization(all);
    const isLive = this.app.feeds.stateOf(telemetryPath(cluster.id)) === "live";
    return html`<section class="cluster ${isLive ? "" : "stale"}" aria-label="Cluster ${cluster.name}" data-cluster=${cluster.id}>
      <header>
        <h3>${cluster.name}</h3>
        <span class="quiet">${cluster.region}</span>
        <span class="quiet number">${count(free)} of ${count(gpus)} free</span>
        <div class="end">
          ${isLive ? nothing : html`<span class="badge warn">Stale</span>`}
          <broker-sparkline .samples=${this.fleet.samples.get(cluster.id) ?? []}></broker-sparkline>
          <span class="mean"><span class="visually-hidden">mean utilisation </span>${percent(mean)}</span>
          <button class="plain" @click=${() => this.#fire("add-node", cluster)}>
            Add node<span class="visually-hidden"> to ${cluster.name}</span>
          </button>
        </div>
      </header>
      <div class="nodes">
        ${repeat(
          shown,
          (node) => node.id,
          (node) =>
            html`<saas-infra-card .node=${node} data-node=${node.id} data-status=${node.status}></saas-infra-card>`,
        )}
      </div>
      ${all.length ? (shown.length ? nothing : html`<p class="quiet">No node here fits the filter.</p>`) : html`<p class="quiet">No node yet.</p>`}
    </section>`;
  }

  #fits(node: LiveNode): boolean {
    const text = this.text.trim().toLowerCase();
    const named = !text || `${node.hostname} ${node.gpuType}`.toLowerCase().includes(text);
    return named && (!this.health || node.status === this.health);
  }

  #fire(name: string, detail?: Cluster): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function states(nodes: readonly LiveNode[], health: Health): TemplateResult {
  const found = nodes.filter((node) => node.status === health).length;
  return html`<saas-status-dot
    status=${health}
    word=${String(found)}
    title="${found} ${health === "unknown" ? "silent" : health}"
  ></saas-status-dot>`;
}

declare global {
  interface HTMLElementTagNameMap {
    "broker-fleet": BrokerFleet;
  }
}
