import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { keyed } from "lit/directives/keyed.js";
import { type App, type Command, catalogueOf } from "../app";
import type { Step } from "../components/broker-onboarding";
import type { BrokerOrderForm } from "../components/broker-order-form";
import { ApiProblem, type Catalogue, type Cluster, type Provider, told } from "../lib/api-client";
import { price } from "../lib/formatters";
import { DashboardStore } from "../live/dashboard";
import { FleetStore } from "../live/fleet";
import { type OrderEvent, OrdersStore } from "../live/orders";
import { PricesStore } from "../live/prices";
import { Watching } from "../live/store";
import { controls } from "../styles/controls";
import "../components/broker-fleet";
import "../components/broker-kpis";
import "../components/broker-market";
import "../components/broker-node";
import "../components/broker-onboarding";
import "../components/broker-order-form";
import "../components/broker-orders";
import "../components/broker-revenue";
import "../components/broker-tabs";
import "../components/saas-glass-modal";

type Dialog =
  | { kind: "node"; id: string }
  | { kind: "onboarding"; step: Step; cluster: Cluster | null }
  | { kind: "list"; offer: Record<string, string> };

const HEADINGS: Record<Step, string> = {
  provider: "Register as a provider",
  cluster: "Add a cluster",
  node: "Add a node",
};
const FIRST_BOOK = "H100.ondemand";
const TABS = [
  { id: "working", words: "Working orders" },
  { id: "finished", words: "Ended" },
  { id: "revenue", words: "Revenue" },
];

/** The cluster control tower: a provider's clusters, nodes, prices, orders and trades, as they are now. */
@customElement("view-broker-setup")
export class ViewBrokerSetup extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        height: 100%;
        min-height: 0;
      }
      .tower {
        display: grid;
        gap: var(--gap);
        padding: var(--gap);
        height: 100%;
        grid-template: auto minmax(0, 1fr) / minmax(400px, 5fr) minmax(0, 8fr);
      }
      broker-kpis,
      .pending {
        grid-column: 1 / -1;
      }
      .east {
        display: grid;
        gap: var(--gap);
        grid-template-rows: 472px minmax(200px, 1fr);
        min-height: 0;
        min-width: 0;
      }
      .pending {
        background: var(--warn-soft);
        color: var(--ink);
        border-radius: var(--radius);
        padding: 8px 12px;
      }
      .tower.has-pending {
        grid-template-rows: auto auto minmax(0, 1fr);
      }
      .below {
        overflow: hidden;
      }
      .below > header {
        padding: 0 6px;
      }
      .below > :not(header) {
        flex: 1;
        min-height: 0;
      }
      .welcome {
        max-width: 640px;
        margin: 40px auto;
      }
      .welcome .body {
        display: grid;
        gap: 16px;
        padding: 20px;
      }
      @media (max-width: 1100px) {
        :host {
          height: auto;
        }
        .tower,
        .tower.has-pending {
          height: auto;
          grid-template: none;
          grid-template-columns: minmax(0, 1fr);
        }
        broker-fleet {
          height: 620px;
        }
        .east {
          grid-template-rows: auto 380px;
        }
      }
    `,
  ];

  @property({ attribute: false }) app!: App;
  @state() private provider: Provider | null | undefined;
  @state() private catalogue: Catalogue | null = null;
  @state() private dialog: Dialog | null = null;
  @state() private bookId = "";
  @state() private tab = "working";
  @query("broker-order-form") private readonly form!: BrokerOrderForm | null;
  private fleet!: FleetStore;
  private orders!: OrdersStore;
  private prices!: PricesStore;
  private figures!: DashboardStore;

  constructor() {
    super();
    new Watching(this, () => [this.figures]);
  }

  override connectedCallback(): void {
    const { api, feeds, notices } = this.app;
    this.fleet = new FleetStore(api, feeds);
    this.orders = new OrdersStore(api, feeds).open();
    this.prices = new PricesStore(feeds).open();
    this.figures = new DashboardStore(api, (error) => notices.fail(error)).open();
    this.orders.onEvent = (event) => this.#happened(event);
    super.connectedCallback();
    this.app.commands.offer(this, () => this.#commands());
    void this.#begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const store of [this.fleet, this.orders, this.prices, this.figures]) store.close();
    this.app.commands.withdraw(this);
  }

  override render(): TemplateResult {
    if (this.provider === undefined) return html`<p class="empty">Reading who you are…</p>`;
    if (this.provider === null) return this.#welcome();
    const isPending = this.provider.status !== "verified";
    return html`<div class="tower ${isPending ? "has-pending" : ""}">
        <h1 class="visually-hidden">Cluster control tower of ${this.provider.name}</h1>
        <broker-kpis .dashboard=${this.figures.dashboard}></broker-kpis>
        ${isPending ? this.#pending(this.provider) : nothing}
        <broker-fleet
          .app=${this.app}
          .fleet=${this.fleet}
          @open=${(event: CustomEvent<string>) => (this.dialog = { kind: "node", id: event.detail })}
          @add-cluster=${() => this.#onboard("cluster")}
          @add-node=${(event: CustomEvent<Cluster>) => this.#onboard("node", event.detail)}
          @list=${() => this.#list()}
        ></broker-fleet>
        <div class="east">
          <broker-market
            .app=${this.app}
            .prices=${this.prices}
            bookId=${this.bookId}
            @chosen=${(event: CustomEvent<string>) => (this.bookId = event.detail)}
            @picked=${(event: CustomEvent<string>) => this.form?.usePrice(event.detail)}
          ></broker-market>
          <section class="panel below" aria-label="Orders and revenue">
            <header>
              <broker-tabs
                .tabs=${TABS}
                chosen=${this.tab}
                label="Orders and revenue"
                @chosen=${(event: CustomEvent<string>) => (this.tab = event.detail)}
              ></broker-tabs>
            </header>
            ${this.#below()}
          </section>
        </div>
      </div>
      ${this.#shownDialog()}`;
  }

  #below(): TemplateResult {
    if (this.tab === "revenue")
      return html`<broker-revenue tabindex="0" role="region" aria-label="Revenue" .app=${this.app}></broker-revenue>`;
    return html`<broker-orders tabindex="0" role="region" aria-label="List of orders" .app=${this.app} .orders=${this.orders} which=${this.tab}></broker-orders>`;
  }

  #pending(provider: Provider): TemplateResult {
    return html`<p class="pending" role="status">
      ${
        provider.status === "pending_kyc"
          ? "An administrator has not verified you yet: add clusters and nodes meanwhile; asks are taken once you are verified."
          : "You are suspended: asks are refused until an administrator verifies you again."
      }
    </p>`;
  }

  #welcome(): TemplateResult {
    return html`<section class="panel welcome" aria-label="Register as a provider">
      <div class="body">
        <h1>Sell GPU time</h1>
        <p>This account is not a provider yet. Registering takes a minute; your clusters and nodes come next.</p>
        <broker-onboarding .app=${this.app} step="provider" @registered=${() => this.#begin()}></broker-onboarding>
      </div>
    </section>`;
  }

  /** The dialog that is open. Each node, and each onboarding, has elements of its own. */
  #shownDialog(): unknown {
    const { dialog } = this;
    if (!dialog) return nothing;
    // A dialog that another has taken the place of tells of its closing late.
    const close = () => {
      if (this.dialog === dialog) this.dialog = null;
    };
    if (dialog.kind === "node") {
      const modal = html`<saas-glass-modal open heading=${this.fleet.nodes.get(dialog.id)?.hostname ?? "Node"} @closed=${close}>
        <broker-node .app=${this.app} .fleet=${this.fleet} .prices=${this.prices} nodeId=${dialog.id} @done=${close}></broker-node>
      </saas-glass-modal>`;
      return keyed(dialog.id, modal);
    }
    if (dialog.kind === "list") {
      return html`<saas-glass-modal open heading="List capacity" @closed=${close}>
        <broker-order-form
          .app=${this.app}
          .catalogue=${this.catalogue}
          .start=${dialog.offer}
          side="ask"
          @placed=${(event: CustomEvent) => this.orders.put(event.detail)}
          @wanted=${(event: CustomEvent<string>) => (this.bookId = event.detail)}
        ></broker-order-form>
      </saas-glass-modal>`;
    }
    const modal = html`<saas-glass-modal open heading=${HEADINGS[dialog.step]} @closed=${close}>
      <broker-onboarding
        .app=${this.app}
        .provider=${this.provider ?? null}
        .cluster=${dialog.cluster}
        .catalogue=${this.catalogue}
        step=${dialog.step}
        @registered=${(event: CustomEvent<Step>) => this.#registered(event.detail, close)}
      ></broker-onboarding>
    </saas-glass-modal>`;
    return keyed(dialog, modal);
  }

  /** What an ask most likely offers: the type, the region and the base price of the node with most free GPUs. */
  #offer(): Record<string, string> {
    const [best] = [...this.fleet.nodes.values()].sort((a, b) => b.available - a.available);
    if (!best) return {};
    const region = this.fleet.clusters.find((cluster) => cluster.id === best.clusterId)?.region ?? "";
    const quantity = String(Math.max(best.available, 1));
    return { gpu_type: best.gpuType, region, quantity, price: best.basePrice ?? "", duration_hours: "168" };
  }

  /** What an open form has stays: what it began with is found once. */
  #list(): void {
    if (this.dialog?.kind !== "list") this.dialog = { kind: "list", offer: this.#offer() };
  }

  #onboard(step: Step, cluster: Cluster | null = null): void {
    this.dialog = { kind: "onboarding", step, cluster };
  }

  #registered(step: Step, close: () => void): void {
    if (step === "cluster") close();
    void this.fleet.load().catch((error: unknown) => this.app.notices.fail(error));
  }

  async #begin(): Promise<void> {
    try {
      const [provider, catalogue] = await Promise.all([this.#findProvider(), catalogueOf(this.app.api)]);
      this.catalogue = catalogue;
      this.provider = provider;
      if (provider) await Promise.all([this.fleet.load(), this.orders.load()]);
      this.bookId ||= this.#mostOwned();
      await this.updateComplete;
      performance.mark("usable");
    } catch (error) {
      this.app.notices.fail(error);
    }
  }

  async #findProvider(): Promise<Provider | null> {
    try {
      return await told(this.app.api.http.GET("/api/v2/providers/me"));
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 404) return null;
      throw error;
    }
  }

  /** The book of the type that most of the provider's GPUs are of. */
  #mostOwned(): string {
    const owned = new Map<string, number>();
    for (const node of this.fleet.nodes.values()) {
      owned.set(node.gpuType, (owned.get(node.gpuType) ?? 0) + node.gpuCount);
    }
    const [most] = [...owned].sort(([, a], [, b]) => b - a);
    return most ? `${most[0]}.ondemand` : FIRST_BOOK;
  }

  #happened({ order, cause, trade }: OrderEvent): void {
    if (cause !== "matched" || !trade) return;
    const verb = order.type === "bid" ? "Rented" : "Sold";
    this.app.notices.say(`${verb} ${trade.quantity} ${order.gpu_type} at ${price(trade.price)}.`, "good");
  }

  #commands(): Command[] {
    if (!this.provider) return [];
    const run = (dialog: Dialog) => () => (this.dialog = dialog);
    const nodes = [...this.fleet.nodes.values()].map((node) => ({
      name: `Open node ${node.hostname}`,
      group: node.status,
      run: run({ kind: "node", id: node.id }),
    }));
    const clusters = this.fleet.clusters.map((cluster) => ({
      name: `Add node to ${cluster.name}`,
      group: "Fleet",
      run: run({ kind: "onboarding", step: "node", cluster }),
    }));
    return [
      { name: "List capacity", group: "Orders", run: () => this.#list() },
      {
        name: "Add cluster",
        group: "Fleet",
        run: run({ kind: "onboarding", step: "cluster", cluster: null }),
      },
      ...TABS.map((tab) => ({ name: `Show ${tab.words}`, group: "Orders", run: () => (this.tab = tab.id) })),
      ...clusters,
      ...nodes,
    ];
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "view-broker-setup": ViewBrokerSetup;
  }
}
