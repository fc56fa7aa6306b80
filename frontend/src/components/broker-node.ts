import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { type App, wordsOf } from "../app";
import { ApiProblem, done, type GpuReading, type Node, told } from "../lib/api-client";
import { celsius, clock, count, money, percent, price, rate, watts } from "../lib/formatters";
import { approximate, costMicros, micros, usd } from "../lib/money";
import { surgeCurve } from "../lib/surge";
import { hint, wrong } from "../lib/validators";
import type { FleetStore, LiveNode } from "../live/fleet";
import type { PricesStore } from "../live/prices";
import { Watching } from "../live/store";
import { controls } from "../styles/controls";
import type { Plot } from "./broker-chart";
import { field } from "./field";
import "./broker-chart";
import "./saas-status-dot";

type Tab = "health" | "pricing" | "configuration";

const TABS: readonly (readonly [Tab, string])[] = [
  ["health", "Health"],
  ["pricing", "Pricing"],
  ["configuration", "Configuration"],
];
const HISTORY_MS = 3_600_000;
const HOURS_OF_A_DAY = 24;

/** One node: how it does, what it asks, how it is called. Fires `done` when it was removed. */
@customElement("broker-node")
export class BrokerNode extends LitElement {
  static override styles = [
    controls,
    css`
      [role="tablist"] {
        border-bottom: 1px solid var(--line);
        margin: -6px 0 14px;
      }
      form,
      .stack {
        display: grid;
        gap: 14px;
      }
      .facts {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(110px, 1fr));
        gap: 10px;
      }
      .facts dt {
        font-size: 11.5px;
        color: var(--ink-3);
      }
      .facts dd {
        font-weight: 650;
        font-variant-numeric: tabular-nums;
      }
      .wrap {
        overflow: auto;
      }
      .scroll-box {
        max-height: 260px;
        overflow: auto;
      }
    `,
  ];

  @property({ attribute: false }) app!: App;
  @property({ attribute: false }) fleet!: FleetStore;
  @property({ attribute: false }) prices!: PricesStore;
  @property() nodeId = "";
  @property() tab: Tab = "health";
  @state() private node: Node | null = null;
  @state() private history: Plot | null = null;
  @state() private basePrice = "";
  @state() private surge = false;
  @state() private relist = false;
  @state() private hostname = "";
  @state() private address = "";
  @state() private faults: Record<string, string> = {};
  @state() private fault = "";
  @state() private busy = false;
  @state() private removing = false;

  constructor() {
    super();
    new Watching(this, () => [this.fleet, this.prices]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#load();
    void this.#loadHistory();
  }

  override render(): TemplateResult {
    const live = this.fleet.nodes.get(this.nodeId);
    if (!live) return html`<p class="empty">This node is not there any more.</p>`;
    return html`<div role="tablist" aria-label="About ${live.hostname}">
        ${TABS.map(
          ([tab, words]) =>
            html`<button
              role="tab"
              id="tab-${tab}"
              aria-selected=${tab === this.tab}
              aria-controls="inside"
              tabindex=${tab === this.tab ? 0 : -1}
              @click=${() => (this.tab = tab)}
              @keydown=${this.#tabbed}
            >${words}</button>`,
        )}
      </div>
      <div role="tabpanel" id="inside" aria-labelledby="tab-${this.tab}">${this.#inside(live)}</div>`;
  }

  #inside(live: LiveNode): TemplateResult {
    if (this.tab === "health") return this.#health(live);
    return this.tab === "pricing" ? this.#pricing(live) : this.#configuration(live);
  }

  #tabbed(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const place = TABS.findIndex(([tab]) => tab === this.tab);
    this.tab = TABS[(place + step + TABS.length) % TABS.length]?.[0] ?? "health";
    void this.updateComplete.then(() =>
      this.renderRoot.querySelector<HTMLElement>("[aria-selected=true]")?.focus(),
    );
  }

  // Health

  #health(live: LiveNode): TemplateResult {
    const { self } = live;
    return html`<div class="stack">
      <dl class="facts">
        <div><dt>State</dt><dd><saas-status-dot status=${live.status}></saas-status-dot></dd></div>
        <div><dt>Leased</dt><dd>${live.allocated} of ${live.gpuCount}</dd></div>
        <div><dt>Listed</dt><dd>${live.held}</dd></div>
        <div><dt>CPU</dt><dd>${percent(self?.cpu_utilization)}</dd></div>
        <div><dt>Memory</dt><dd>${percent(self?.memory_utilization)}</dd></div>
        <div><dt>Network in</dt><dd>${rate(self?.network_receive_rate)}</dd></div>
        <div><dt>Network out</dt><dd>${rate(self?.network_send_rate)}</dd></div>
      </dl>
      ${this.history ? html`<broker-chart .plot=${this.history} label="GPU utilisation of the last hour"></broker-chart>` : nothing}
      <div class="scroll-box" tabindex="0" role="region" aria-label="GPUs of the node">
        <table>
          <thead>
            <tr>
              <th scope="col">GPU</th><th scope="col">State</th><th scope="col" class="right">Used</th>
              <th scope="col" class="right">Memory</th><th scope="col" class="right">Temperature</th>
              <th scope="col" class="right">Power</th><th scope="col" class="right">Read at</th>
            </tr>
          </thead>
          <tbody>${live.gpus.map((gpu, index) => gpuRow(gpu, index))}</tbody>
        </table>
      </div>
    </div>`;
  }

  async #loadHistory(): Promise<void> {
    try {
      const query = {
        from: new Date(Date.now() - HISTORY_MS).toISOString(),
        step: "10s",
        limit: 1_000,
      } as const;
      const params = { path: { node_id: this.nodeId }, query };
      const found = await told(this.app.api.http.GET("/api/v2/telemetry/{node_id}", { params }));
      this.history = historyOf(found.metrics);
    } catch (error) {
      if (!(error instanceof ApiProblem && error.status === 404)) this.app.notices.fail(error);
    }
  }

  // Pricing

  #pricing(live: LiveNode): TemplateResult {
    const base = this.#wrongPrice ? null : micros(this.basePrice);
    const market = this.prices.of(live.gpuType);
    return html`<form novalidate @submit=${this.#savePricing}>
      <div class="fields">
        ${this.#text("base_price", "Base price ($/GPU-hour)", this.basePrice, (value) => (this.basePrice = value))}
        <div>
          <label class="check"><input type="checkbox" name="surge_enabled" .checked=${this.surge} @change=${(event: Event) => (this.surge = (event.target as HTMLInputElement).checked)} />Surge: rise with utilisation</label>
          <label class="check"><input type="checkbox" name="relist" .checked=${this.relist} @change=${(event: Event) => (this.relist = (event.target as HTMLInputElement).checked)} />List anew after a failure</label>
        </div>
      </div>
      ${
        base === null
          ? html`<p class="quiet">With a base price, the curve of its spot price is drawn here.</p>`
          : html`<broker-chart
                .plot=${surgePlot(base, this.surge)}
                label=${`Spot price over utilisation: ${usd(base, 2)} USD when nothing is leased, ${usd(surgeCurve(base, this.surge).at(-1) ?? 0n, 2)} USD when everything is`}
              ></broker-chart>
              <dl class="facts">
                ${[0, 50, 80, 100].map((part) => html`<div><dt>At ${part} % leased</dt><dd>$${usd(surgeCurve(base, this.surge)[part] ?? 0n, 4)}</dd></div>`)}
                <div><dt>A day of ${live.gpuCount} GPUs</dt><dd>${money(usd(costMicros(base, live.gpuCount, HOURS_OF_A_DAY), 6))}</dd></div>
              </dl>`
      }
      <p class="hint">
        The spot price of a GPU type is base × (1 + 2 u²), u being the part of its GPUs that is leased, and changes by at
        most a fifth in ten seconds. The base is the mean of all nodes with surge. ${
          market?.spot_price
            ? html`${live.gpuType} is at ${price(market.spot_price)} now, ${percent(market.utilization)} leased.`
            : nothing
        }
      </p>
      <p class="fault" role="alert">${this.fault || nothing}</p>
      <div class="actions"><button class="primary" type="submit" ?disabled=${this.busy}>Set pricing</button></div>
    </form>`;
  }

  get #wrongPrice(): string | undefined {
    return wrong("SetPricingBody", { base_price: this.basePrice }).base_price;
  }

  async #savePricing(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (this.#wrongPrice) {
      this.faults = { base_price: hint("SetPricingBody", "base_price") };
      return;
    }
    const body = { base_price: this.basePrice.trim(), surge_enabled: this.surge, relist: this.relist };
    await this.#save("Pricing is set.", () =>
      done(this.app.api.http.PUT("/api/v2/nodes/{node_id}/pricing", { params: this.#path, body })),
    );
  }

  // Configuration

  #configuration(live: LiveNode): TemplateResult {
    return html`<form novalidate @submit=${this.#saveConfiguration}>
      <div class="fields">
        ${this.#text("hostname", "Hostname", this.hostname, (value) => (this.hostname = value))}
        ${this.#text("ip_address", "Address", this.address, (value) => (this.address = value))}
      </div>
      <dl class="facts">
        <div><dt>GPUs</dt><dd>${live.gpuCount} × ${live.gpuType}</dd></div>
        <div><dt>Memory each</dt><dd>${this.node?.gpus[0] ? `${this.node.gpus[0].vram_gb} GB` : "–"}</dd></div>
        <div><dt>CUDA</dt><dd>${this.node?.gpus[0]?.cuda_version ?? "–"}</dd></div>
      </dl>
      <p class="hint">Node id <span class="mono">${live.id}</span></p>
      <p class="fault" role="alert">${this.fault || nothing}</p>
      <div class="actions">
        ${
          this.removing
            ? html`<span class="ask">Its free GPUs leave the market at once.</span>
                <button type="button" @click=${() => (this.removing = false)}>Keep it</button>
                <button type="button" class="danger" @click=${this.#remove}>Remove ${live.hostname}</button>`
            : html`<button type="button" class="danger" @click=${() => (this.removing = true)}>Remove…</button>`
        }
        <button type="button" @click=${() => this.#maintain(live)} ?disabled=${this.busy}>
          ${live.maintenance ? "End maintenance" : "Begin maintenance"}
        </button>
        <button class="primary" type="submit" ?disabled=${this.busy}>Save</button>
      </div>
    </form>`;
  }

  #text(name: string, words: string, value: string, set: (value: string) => void): TemplateResult {
    const fault = this.faults[name] ?? "";
    const control = html`<input
      id=${name}
      name=${name}
      .value=${value}
      aria-invalid=${fault ? "true" : "false"}
      aria-describedby="${name}-fault"
      @input=${(event: Event) => set((event.target as HTMLInputElement).value)}
    />`;
    return field(name, words, control, fault);
  }

  async #saveConfiguration(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const body = { hostname: this.hostname.trim(), ip_address: this.address.trim() };
    this.faults = wrong("ChangeNodeBody", body);
    if (Object.keys(this.faults).length) return;
    await this.#save("The node is changed.", () => this.#patch(body));
  }

  async #maintain(live: LiveNode): Promise<void> {
    const status = live.maintenance ? "available" : "maintenance";
    const words = live.maintenance
      ? "Maintenance has ended."
      : "The node is in maintenance: its free GPUs are off the market.";
    await this.#save(words, () => this.#patch({ status }));
  }

  async #remove(): Promise<void> {
    const removed = await this.#save("The node is removed.", () =>
      done(this.app.api.http.DELETE("/api/v2/nodes/{node_id}", { params: this.#path })),
    );
    if (removed) this.dispatchEvent(new CustomEvent("done"));
  }

  #patch(body: {
    hostname?: string;
    ip_address?: string;
    status?: "maintenance" | "available";
  }): Promise<boolean> {
    return done(
      this.app.api.http.PATCH("/api/v2/nodes/{node_id}", { params: this.#path, body: body as never }),
    );
  }

  // What all of it shares

  get #path() {
    return { path: { node_id: this.nodeId } };
  }

  async #load(): Promise<void> {
    try {
      const node = await told(this.app.api.http.GET("/api/v2/nodes/{node_id}", { params: this.#path }));
      this.node = node;
      this.basePrice = node.base_price ?? "";
      this.surge = node.surge_enabled;
      this.relist = node.relist;
      this.hostname = node.hostname;
      this.address = node.ip_address;
    } catch (error) {
      this.fault = wordsOf(error);
    }
  }

  /** Save, and say so: with these words, or that it is not in effect yet. */
  async #save(words: string, save: () => Promise<boolean>): Promise<boolean> {
    this.busy = true;
    this.fault = "";
    this.faults = {};
    try {
      if (await save()) this.app.notices.say(words, "good");
      else this.app.notices.say("It is written down and on its way, and not in effect yet.");
      void this.fleet.load().catch((error: unknown) => this.app.notices.fail(error));
      return true;
    } catch (error) {
      if (error instanceof ApiProblem && error.errors.length) this.faults = error.fields;
      else this.fault = wordsOf(error);
      return false;
    } finally {
      this.busy = false;
    }
  }
}

function gpuRow(gpu: GpuReading | null, index: number): TemplateResult {
  if (!gpu)
    return html`<tr><td>${index}</td><td colspan="6" class="quiet">has told nothing in the last hour</td></tr>`;
  return html`<tr>
    <td>${index}</td>
    <td><saas-status-dot status=${gpu.status}></saas-status-dot></td>
    <td class="right">${percent(gpu.gpu_utilization)}</td>
    <td class="right">${percent(gpu.memory_utilization)}</td>
    <td class="right">${celsius(gpu.temperature)}</td>
    <td class="right">${watts(gpu.power_draw)}</td>
    <td class="right quiet">${clock(gpu.timestamp)}</td>
  </tr>`;
}

/** Windows of readings as lines; null if there are none to draw. */
function historyOf(metrics: readonly unknown[]): Plot | null {
  const windows = metrics as readonly { timestamp: string; gpu_utilization: { mean: number; max: number } }[];
  if (windows.length < 2) return null;
  return {
    kind: "lines",
    isTime: true,
    labelX: "Time",
    showX: (seconds) => clock(seconds * 1_000).slice(0, 5),
    x: windows.map((window) => Date.parse(window.timestamp) / 1_000),
    lines: [
      {
        label: "Mean of all GPUs",
        colour: "gauge",
        values: windows.map((window) => window.gpu_utilization.mean),
      },
      { label: "Busiest", colour: "gauge-hot", values: windows.map((window) => window.gpu_utilization.max) },
    ],
    showY: (value) => percent(value),
    range: [0, 1],
  };
}

function surgePlot(base: bigint, surge: boolean): Plot {
  return {
    kind: "lines",
    isTime: false,
    labelX: "Leased",
    x: Array.from({ length: 101 }, (_, part) => part),
    lines: [{ label: "Spot price", colour: "accent", values: surgeCurve(base, surge).map(approximate) }],
    showX: (value) => `${count(value)} %`,
    showY: (value) => `$${value.toFixed(2)}`,
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "broker-node": BrokerNode;
  }
}
