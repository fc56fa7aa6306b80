import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { type App, wordsOf } from "../app";
import { done, type Order, type Trade, told } from "../lib/api-client";
import { cssVars } from "../lib/css-vars";
import { clock, count, hours, moment, money, NONE, price, span } from "../lib/formatters";
import { broken, hint } from "../lib/validators";
import { isActive, type OrdersStore } from "../live/orders";
import { Watching } from "../live/store";
import { controls } from "../styles/controls";
import "./broker-explain";
import "./saas-glass-modal";

type Which = "working" | "finished";

/** The account's orders: those that work, which can be amended and cancelled, or those that ended. */
@customElement("broker-orders")
export class BrokerOrders extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        overflow: auto;
        scrollbar-width: thin;
        min-height: 0;
        container-type: inline-size;
      }
      th,
      td {
        padding-inline: 6px;
      }
      td:first-child,
      th:first-child {
        padding-left: 12px;
      }
      button.plain {
        padding-inline: 4px;
      }
      @container (max-width: 880px) {
        .wide {
          display: none;
        }
      }
      .side {
        font-weight: 650;
      }
      .progress {
        display: inline-block;
        width: 44px;
        height: 5px;
        border-radius: 3px;
        background: linear-gradient(to right, var(--gauge) var(--done, 0%), var(--line) var(--done, 0%));
        margin-right: 6px;
        vertical-align: 1px;
      }
      td.actions-cell {
        text-align: right;
      }
      .trades {
        margin-top: 12px;
      }
      .amend {
        display: grid;
        gap: 14px;
      }
    `,
  ];

  @property({ attribute: false }) app!: App;
  @property({ attribute: false }) orders!: OrdersStore;
  @property() which: Which = "working";
  @state() private amended: Order | null = null;
  @state() private shown: Order | null = null;
  @state() private explained: Order | null = null;
  @state() private trades: readonly Trade[] = [];
  @state() private fault = "";
  @state() private busy: ReadonlySet<string> = new Set();

  constructor() {
    super();
    new Watching(this, () => [this.orders]);
  }

  override render(): TemplateResult {
    const orders = this.which === "working" ? this.orders.working : this.orders.finished;
    return html`<table aria-label=${this.which === "working" ? "Working orders" : "Orders that ended"}>
        <thead>
          <tr>
            <th scope="col">Order</th>
            <th scope="col">Book</th>
            <th scope="col" class="wide">Region</th>
            <th scope="col" class="right">Limit</th>
            <th scope="col" class="right">Filled</th>
            <th scope="col" class="right">Average</th>
            <th scope="col" class="right">For</th>
            <th scope="col">${this.which === "working" ? "Ends" : "Ended"}</th>
            <th scope="col"><span class="visually-hidden">Actions</span></th>
          </tr>
        </thead>
        <tbody>
          ${repeat(
            orders,
            (order) => order.id,
            (order) => this.#row(order),
          )}
        </tbody>
      </table>
      ${orders.length ? nothing : html`<p class="empty">${this.#nothing()}</p>`} ${this.#amendDialog()} ${this.#tradesDialog()}
      ${
        this.explained
          ? html`<saas-glass-modal open heading="Why ${name(this.explained)} rests" @closed=${() => (this.explained = null)}>
            <broker-explain .app=${this.app} .order=${this.explained}></broker-explain>
          </saas-glass-modal>`
          : nothing
      }`;
  }

  #nothing(): string {
    if (!this.orders.loaded) return "Reading orders…";
    return this.which === "working" ? "No order is open." : "No order has ended yet.";
  }

  #row(order: Order): TemplateResult {
    const quantity = order.quantity ?? 0;
    const done = quantity ? `${((order.filled_quantity / quantity) * 100).toFixed(0)}%` : "0%";
    return html`<tr data-order=${order.id} data-status=${order.status}>
      <td>
        <span class="side ${order.type ?? ""}">${order.type === "bid" ? "Buy" : "Sell"}</span> ${count(order.quantity)}
        <span class="quiet mono wide" title=${order.id}>${order.id.slice(0, 6)}</span>
      </td>
      <td>${order.book_id ?? NONE}</td>
      <td class="wide">${order.region ?? "any"}</td>
      <td class="right">${price(order.price)}</td>
      <td class="right">
        <span class="progress wide" aria-hidden="true" ${cssVars({ done })}></span>${count(order.filled_quantity)} / ${count(order.quantity)}
      </td>
      <td class="right">${price(order.avg_price)}</td>
      <td class="right">${hours(order.duration_hours)}</td>
      <td>${this.which === "working" ? ends(order) : ended(order)}</td>
      <td class="actions-cell">${this.#actions(order)}</td>
    </tr>`;
  }

  #actions(order: Order): TemplateResult {
    const about = html`<span class="visually-hidden"> ${name(order)}</span>`;
    const fills = order.filled_quantity
      ? html`<button class="plain" @click=${() => this.#show(order)}>Fills${about}</button>`
      : nothing;
    if (!isActive(order)) return html`${fills}`;
    const rests = order.book_seq !== null;
    return html`${fills}${rests ? html`<button class="plain" @click=${() => (this.explained = order)}>Why${about}</button>` : nothing}
      <button class="plain" @click=${() => this.#open(order)}>Amend${about}</button>
      <button class="plain ask" ?disabled=${this.busy.has(order.id)} @click=${() => this.#cancel(order)}>Cancel${about}</button>`;
  }

  #open(order: Order): void {
    this.amended = order;
    this.fault = "";
  }

  #amendDialog(): TemplateResult | typeof nothing {
    const order = this.amended;
    if (!order) return nothing;
    return html`<saas-glass-modal open heading="Amend ${name(order)}" @closed=${() => (this.amended = null)}>
      <form class="amend" novalidate @submit=${(event: SubmitEvent) => this.#amend(event, order)}>
        <p class="quiet">
          ${count(order.filled_quantity)} of ${count(order.quantity)} have traded. Fewer GPUs at the same price keep the
          order's place in its level; anything else gives it a new one.
        </p>
        <div class="fields">
          <label>GPUs in all, fills included <input name="quantity" inputmode="numeric" .value=${String(order.quantity ?? "")} /></label>
          <label>Limit, USD per GPU-hour <input name="price" inputmode="decimal" .value=${order.price ?? ""} /></label>
        </div>
        <p class="fault" role="alert">${this.fault || nothing}</p>
        <div class="actions"><button class="primary" type="submit">Amend</button></div>
      </form>
    </saas-glass-modal>`;
  }

  async #amend(event: SubmitEvent, order: Order): Promise<void> {
    event.preventDefault();
    const sent = new FormData(event.target as HTMLFormElement);
    const [quantity, limit] = [String(sent.get("quantity")), String(sent.get("price"))];
    const wrong = ["quantity", "price"].find((field) =>
      broken("AmendOrderBody", field, String(sent.get(field))),
    );
    if (wrong) {
      this.fault = `${wrong}: ${hint("AmendOrderBody", wrong)}`;
      return;
    }
    try {
      const path = { order_id: order.id };
      const body = { quantity: Number(quantity), price: limit.trim() };
      const isDone = await done(
        this.app.api.http.PATCH("/api/v2/orders/{order_id}", { params: { path }, body }),
      );
      this.amended = null;
      this.#changed(order, isDone ? "amended" : null, "Amending");
    } catch (error) {
      this.fault = wordsOf(error);
    }
  }

  async #cancel(order: Order): Promise<void> {
    this.busy = new Set([...this.busy, order.id]);
    try {
      const path = { order_id: order.id };
      const isDone = await done(this.app.api.http.DELETE("/api/v2/orders/{order_id}", { params: { path } }));
      this.#changed(order, isDone ? "cancelled" : null, "Cancelling");
    } catch (error) {
      this.app.notices.fail(error);
    } finally {
      this.busy = new Set([...this.busy].filter((id) => id !== order.id));
    }
  }

  /** Say what became of a change, or that nobody knows yet. */
  #changed(order: Order, became: string | null, what: string): void {
    const { notices } = this.app;
    if (became) notices.say(`${name(order)} is ${became}.`, "good");
    else notices.say(`${what} ${name(order)} is on its way, and not decided yet.`);
    void this.#readAgain(order).catch((error: unknown) => notices.fail(error));
  }

  /** The feed tells it too; should it be cut, the API does. */
  async #readAgain(order: Order): Promise<void> {
    const path = { order_id: order.id };
    const read = this.app.api.http.GET("/api/v2/orders/{order_id}", { params: { path } });
    this.orders.put(await told(read));
  }

  async #show(order: Order): Promise<void> {
    this.shown = order;
    this.trades = [];
    try {
      const path = { order_id: order.id };
      const query = { limit: 1_000 };
      const read = this.app.api.http.GET("/api/v2/orders/{order_id}/trades", { params: { path, query } });
      this.trades = (await told(read)).trades;
    } catch (error) {
      this.app.notices.fail(error);
    }
  }

  #tradesDialog(): TemplateResult | typeof nothing {
    const order = this.shown;
    if (!order) return nothing;
    return html`<saas-glass-modal open heading="Fills of ${name(order)}" @closed=${() => (this.shown = null)}>
      <p>
        ${count(order.filled_quantity)} of ${count(order.quantity)} ${order.gpu_type} at ${price(order.avg_price)} on average.
      </p>
      <table class="trades">
        <thead>
          <tr>
            <th scope="col">Time</th><th scope="col">Region</th><th scope="col" class="right">GPUs</th>
            <th scope="col" class="right">Price</th><th scope="col" class="right">For</th><th scope="col" class="right">Cost</th>
          </tr>
        </thead>
        <tbody>
          ${this.trades.map(
            (trade) =>
              html`<tr>
                <td>${moment(trade.executed_at)} <span class="quiet">${clock(trade.executed_at).slice(-2)} s</span></td>
                <td>${trade.region}</td>
                <td class="right">${count(trade.quantity)}</td>
                <td class="right">${price(trade.price)}</td>
                <td class="right">${hours(trade.duration_hours)}</td>
                <td class="right">${money(trade.cost)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </saas-glass-modal>`;
  }
}

function name(order: Order): string {
  return `${order.type === "bid" ? "bid" : "ask"} ${order.id.slice(0, 6)}`;
}

function ends(order: Order): string {
  if (order.book_seq === null) return "on its way";
  return order.expires_at ? `in ${span(Date.parse(order.expires_at) - Date.now())}` : "when cancelled";
}

function ended(order: Order): TemplateResult {
  const kind = order.status === "filled" ? "good" : order.status === "rejected" ? "bad" : "";
  const why = order.code ?? (order.status === "cancelled" ? order.reason : null);
  return html`<span class="badge ${kind}" title=${order.detail ?? ""}>${order.status}${why ? `: ${why}` : ""}</span>
    <span class="quiet">${moment(order.updated_at)}</span>`;
}

declare global {
  interface HTMLElementTagNameMap {
    "broker-orders": BrokerOrders;
  }
}
