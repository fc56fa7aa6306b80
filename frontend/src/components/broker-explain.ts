import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { type App, wordsOf } from "../app";
import { type Explanation, type Order, told } from "../lib/api-client";
import { clock, count, counted, percent, price } from "../lib/formatters";
import { controls } from "../styles/controls";

type Excluded = NonNullable<Explanation["opposite"]>["excluded"];

const REASONS: readonly (readonly [keyof Excluded, string])[] = [
  ["price", "Price: the limits do not meet"],
  ["duration", "Duration: offered for shorter or longer"],
  ["region", "Region: another one"],
  ["availability", "Availability: must be back too early"],
  ["own_account", "Own account: both sides are yours"],
  ["expired", "Expired"],
  ["min_fill", "Minimum fill: too little at once"],
];

/** Why an order rests: what keeps the other side away, what would change that, and its place in line. */
@customElement("broker-explain")
export class BrokerExplain extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: grid;
        gap: 16px;
      }
      .sentences {
        list-style: none;
        display: grid;
        gap: 6px;
        font-size: 14px;
      }
      section {
        display: grid;
        gap: 6px;
      }
      .offers {
        list-style: none;
        display: grid;
        gap: 6px;
      }
      .offers li {
        background: var(--sunken);
        border-radius: 8px;
        padding: 8px 12px;
      }
    `,
  ];

  @property({ attribute: false }) app!: App;
  @property({ attribute: false }) order!: Order;
  @state() private told: Explanation | null = null;
  @state() private fault = "";

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#load();
  }

  async #load(): Promise<void> {
    try {
      const path = { order_id: this.order.id };
      this.told = await told(
        this.app.api.http.GET("/api/v2/orders/{order_id}/explain", { params: { path } }),
      );
    } catch (error) {
      this.fault = wordsOf(error);
    }
  }

  override render(): TemplateResult {
    if (this.fault) return html`<p class="fault" role="alert">${this.fault}</p>`;
    const { told } = this;
    if (!told) return html`<p class="quiet" role="status">Looking at the book…</p>`;
    return html`<ul class="sentences">${told.explanation.map((sentence) => html`<li>${sentence}</li>`)}</ul>
      ${this.#nearest(told)} ${this.#excluded(told)} ${this.#position(told)}
      <p class="hint">As ${told.book_id} was at ${clock(told.at)}, after ${count(told.book_seq)} facts.</p>`;
  }

  #nearest(told: Explanation): TemplateResult | typeof nothing {
    const offers = Object.values(told.nearest ?? {}).filter((offer) => offer !== null);
    if (!offers.length) return nothing;
    return html`<section>
      <h3>What would trade at once</h3>
      <ul class="offers">
        ${offers.map(
          (offer) =>
            html`<li>
              <b>${counted(offer.filled, "GPU")}</b> with ${terms(offer.terms)}
              <span class="quiet">${offer.by === "amend" ? "by amending it" : "as a new order"}</span>
            </li>`,
        )}
      </ul>
    </section>`;
  }

  #excluded(told: Explanation): TemplateResult | typeof nothing {
    const { opposite } = told;
    if (!opposite) return nothing;
    const rows = REASONS.filter(([name]) => opposite.excluded[name].orders);
    if (!rows.length) return nothing;
    return html`<section>
      <h3>What keeps the ${count(opposite.orders)}${opposite.at_least ? "+" : ""} orders of the other side away</h3>
      <table>
        <thead>
          <tr><th scope="col">Rule</th><th scope="col" class="right">Orders</th><th scope="col" class="right">GPUs</th><th scope="col" class="right">By this alone</th></tr>
        </thead>
        <tbody>
          ${rows.map(([name, words]) => {
            const found = opposite.excluded[name];
            return html`<tr>
              <td>${words}</td>
              <td class="right">${count(found.orders)}</td>
              <td class="right">${count(found.quantity)}</td>
              <td class="right">${count(found.alone.quantity)}</td>
            </tr>`;
          })}
        </tbody>
      </table>
    </section>`;
  }

  #position(told: Explanation): TemplateResult | typeof nothing {
    const { position } = told;
    if (!position) return nothing;
    return html`<section>
      <h3>Its place</h3>
      <p>
        ${counted(position.better.quantity, "GPU")} in ${counted(position.better.levels, "better level")}. At its own
        price ${counted(position.orders, "order")} with ${counted(position.quantity, "GPU")}, of which it is
        ${percent(position.share, 1)}; ${count(position.orders_ahead)} came before it.
      </p>
    </section>`;
  }
}

function terms(changes: Record<string, unknown>): string {
  return Object.entries(changes)
    .map(
      ([name, value]) =>
        `${name.replace("_", " ")} ${name === "price" ? price(String(value)) : (value ?? "any")}`,
    )
    .join(", ");
}

declare global {
  interface HTMLElementTagNameMap {
    "broker-explain": BrokerExplain;
  }
}
