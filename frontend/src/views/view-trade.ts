import { css, html, LitElement, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { type App, type Command, catalogueOf } from "../app";
import { split } from "../components/broker-market";
import type { BrokerOrderForm } from "../components/broker-order-form";
import { type Catalogue, told } from "../lib/api-client";
import { busiest } from "../lib/books";
import { percent, price } from "../lib/formatters";
import { DashboardStore } from "../live/dashboard";
import { type OrderEvent, OrdersStore } from "../live/orders";
import { PRICING_PATH, type PriceOfNow, PricesStore } from "../live/prices";
import { Watching } from "../live/store";
import { controls } from "../styles/controls";
import "../components/broker-kpis";
import "../components/broker-market";
import "../components/broker-order-form";
import "../components/broker-orders";
import "../components/broker-tabs";

const FIRST_BOOK = "H100.ondemand"; // of a market in which nothing rests
const TABS = [
  { id: "working", words: "Working orders" },
  { id: "finished", words: "Fills and ended orders" },
];

/** Renting GPUs: place a bid and see beforehand what it does, follow it, see why it rests. */
@customElement("view-trade")
export class ViewTrade extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        height: 100%;
        min-height: 0;
      }
      .trade {
        display: grid;
        gap: var(--gap);
        padding: var(--gap);
        height: 100%;
        grid-template: auto minmax(0, 1fr) / 372px minmax(0, 1fr);
      }
      broker-kpis {
        grid-column: 1 / -1;
      }
      .column {
        display: grid;
        gap: var(--gap);
        min-height: 0;
        min-width: 0;
      }
      .left {
        grid-template-rows: auto minmax(160px, 1fr);
      }
      .east {
        grid-template-rows: 472px minmax(200px, 1fr);
      }
      .orders {
        overflow: hidden;
      }
      .orders > header {
        padding: 0 6px;
      }
      .orders > broker-orders {
        flex: 1;
      }
      .prices {
        overflow: hidden;
      }
      .prices .scroll {
        flex: 1;
      }
      td button {
        all: unset;
        cursor: pointer;
        font-weight: 600;
      }
      td button:focus-visible {
        outline: 2px solid var(--accent);
        border-radius: 3px;
      }
      td button:hover {
        text-decoration: underline;
      }
      tr[aria-current="true"] > * {
        background: var(--accent-soft);
      }
      @media (max-width: 1100px) {
        :host {
          height: auto;
        }
        .trade {
          height: auto;
          grid-template: none;
          grid-template-columns: minmax(0, 1fr);
        }
        .left {
          grid-template-rows: auto 260px;
        }
        .east {
          grid-template-rows: auto 380px;
        }
      }
    `,
  ];

  @property({ attribute: false }) app!: App;
  @state() private catalogue: Catalogue | null = null;
  @state() private bookId = FIRST_BOOK;
  @state() private start: Record<string, string> = {};
  @state() private tab = "working";
  @query("broker-order-form") private readonly form!: BrokerOrderForm;
  private orders!: OrdersStore;
  private prices!: PricesStore;
  private figures!: DashboardStore;

  constructor() {
    super();
    new Watching(this, () => [this.prices, this.figures, this.app.feeds]);
  }

  override connectedCallback(): void {
    const { api, feeds, notices } = this.app;
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
    for (const store of [this.orders, this.prices, this.figures]) store.close();
    this.app.commands.withdraw(this);
  }

  override render(): TemplateResult {
    return html`<div class="trade">
      <h1 class="visually-hidden">Rent GPUs</h1>
      <broker-kpis .dashboard=${this.figures.dashboard}></broker-kpis>
      <div class="column left">
        <section class="panel" aria-label="Place a bid">
          <header><h2>Place a bid</h2></header>
          <div class="body">
            <broker-order-form
              .app=${this.app}
              .catalogue=${this.catalogue}
              .start=${this.start}
              side="bid"
              @placed=${(event: CustomEvent) => this.orders.put(event.detail)}
              @wanted=${(event: CustomEvent<string>) => (this.bookId = event.detail)}
            ></broker-order-form>
          </div>
        </section>
        ${this.#prices()}
      </div>
      <div class="column east">
        <broker-market
          .app=${this.app}
          .prices=${this.prices}
          bookId=${this.bookId}
          @chosen=${(event: CustomEvent<string>) => this.#choose(event.detail)}
          @picked=${(event: CustomEvent<string>) => this.form.usePrice(event.detail)}
        ></broker-market>
        <section class="panel orders" aria-label="Orders">
          <header>
            <broker-tabs
              .tabs=${TABS}
              chosen=${this.tab}
              label="Orders"
              @chosen=${(event: CustomEvent<string>) => (this.tab = event.detail)}
            ></broker-tabs>
          </header>
          <broker-orders tabindex="0" role="region" aria-label="List of orders" .app=${this.app} .orders=${this.orders} which=${this.tab}></broker-orders>
        </section>
      </div>
    </div>`;
  }

  #prices(): TemplateResult {
    const prices = this.prices.everywhere;
    const isLive = this.app.feeds.stateOf(PRICING_PATH) === "live";
    return html`<section class="panel prices" aria-label="Spot prices">
      <header>
        <h2>Spot prices</h2>
        <div class="end">${isLive ? "" : html`<span class="badge warn">Stale</span>`}</div>
      </header>
      <div class="scroll" tabindex="0" role="region" aria-label="Spot prices by GPU type">
        <table>
          <thead>
            <tr><th scope="col">GPU type</th><th scope="col" class="right">Spot</th><th scope="col" class="right">Leased</th><th scope="col" class="right">Free</th></tr>
          </thead>
          <tbody>
            ${repeat(
              prices,
              (each) => each.gpu_type,
              (each) => this.#price(each),
            )}
          </tbody>
        </table>
        ${prices.length ? "" : html`<p class="empty">No GPU type has a spot price yet.</p>`}
      </div>
    </section>`;
  }

  #price(now: PriceOfNow): TemplateResult {
    const [gpuType, product] = split(this.bookId);
    const isShown = now.gpu_type === gpuType;
    return html`<tr aria-current=${isShown}>
      <td><button @click=${() => this.#choose(`${now.gpu_type}.${product}`)}>${now.gpu_type}</button></td>
      <td class="right">${price(now.spot_price)}</td>
      <td class="right">${percent(now.utilization)}</td>
      <td class="right">${now.available}</td>
    </tr>`;
  }

  #choose(bookId: string): void {
    this.bookId = bookId;
    const [gpu_type = "", product = ""] = split(bookId);
    this.start = { gpu_type, product };
  }

  async #begin(): Promise<void> {
    try {
      const { api } = this.app;
      const asked = told(api.http.GET("/api/v2/market/books")).catch(() => null);
      const [catalogue, books] = await Promise.all([catalogueOf(api), asked]);
      this.#choose(busiest(books?.items ?? []) ?? FIRST_BOOK);
      this.catalogue = catalogue;
      await this.orders.load();
      await this.updateComplete;
      performance.mark("usable");
    } catch (error) {
      this.app.notices.fail(error);
    }
  }

  #happened({ order, cause, trade }: OrderEvent): void {
    if (cause !== "matched" || !trade) return;
    const verb = order.type === "bid" ? "Rented" : "Sold";
    this.app.notices.say(`${verb} ${trade.quantity} ${order.gpu_type} at ${price(trade.price)}.`, "good");
  }

  #commands(): Command[] {
    return [
      { name: "Place a bid", group: "Orders", run: () => this.form.focusFirst() },
      ...TABS.map((tab) => ({ name: `Show ${tab.words}`, group: "Orders", run: () => (this.tab = tab.id) })),
    ];
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "view-trade": ViewTrade;
  }
}
