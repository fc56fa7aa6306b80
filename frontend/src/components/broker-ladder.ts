import { css, html, LitElement, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { cssVars } from "../lib/css-vars";
import { count, ladderPrice } from "../lib/formatters";
import { micros, usd } from "../lib/money";
import type { BookStore, Rung } from "../live/market";
import { Watching } from "../live/store";
import { controls } from "../styles/controls";

/** A book's price levels, asks above bids, with bars for what is there up to each price.
 * Fires `picked` with a price that was chosen. */
@customElement("broker-ladder")
export class BrokerLadder extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        overflow: auto;
        scrollbar-width: thin;
      }
      table {
        table-layout: fixed;
      }
      th,
      td {
        padding: 0 10px;
        height: 21px;
        line-height: 21px;
      }
      thead th {
        height: 24px;
      }
      tbody tr + tr > * {
        border-top: 0;
      }
      tr.level {
        --tint: var(--bid-soft);
        background: linear-gradient(to left, var(--tint) var(--depth, 0%), transparent var(--depth, 0%));
      }
      tr.level.asks {
        --tint: var(--ask-soft);
      }
      tr.level:hover > * {
        background: none;
      }
      td button {
        all: unset;
        cursor: pointer;
        font-weight: 600;
        width: 100%;
      }
      td button:focus-visible {
        outline: 2px solid var(--accent);
        border-radius: 3px;
      }
      td button:hover {
        text-decoration: underline;
      }
      .spread td {
        background: var(--sunken);
        color: var(--ink-2);
        font-size: 12px;
        height: 26px;
        line-height: 26px;
      }
      .spread b {
        color: var(--ink);
      }
    `,
  ];

  @property({ attribute: false }) book!: BookStore;
  /** Rows of each side. */
  @property({ type: Number }) rows = 9;

  constructor() {
    super();
    new Watching(this, () => [this.book]);
  }

  override render(): TemplateResult {
    const asks = this.book.depth.asks.best(this.rows);
    const bids = this.book.depth.bids.best(this.rows);
    const most = Math.max(asks.at(-1)?.total ?? 0, bids.at(-1)?.total ?? 0, 1);
    return html`<table aria-label="Price levels of ${this.book.bookId}">
      <thead>
        <tr>
          <th scope="col">Price</th>
          <th scope="col" class="right">GPUs</th>
          <th scope="col" class="right">Orders</th>
          <th scope="col" class="right">Total</th>
        </tr>
      </thead>
      <tbody>
        ${padded(asks, this.rows)
          .reverse()
          .map((rung) => this.#row(rung, "ask", most))}
        ${spread(asks[0], bids[0])} ${padded(bids, this.rows).map((rung) => this.#row(rung, "bid", most))}
      </tbody>
    </table>`;
  }

  #row(rung: Rung | null, side: "bid" | "ask", most: number): TemplateResult {
    if (!rung) return html`<tr aria-hidden="true"><td colspan="4"></td></tr>`;
    const depth = `${((rung.total / most) * 100).toFixed(1)}%`;
    return html`<tr class="level ${side}s" data-price=${rung.price} ${cssVars({ depth })}>
      <td>
        <button class=${side} title="Use this price" @click=${() => this.#picked(rung.price)}>
          <span class="visually-hidden">${side} </span>${ladderPrice(rung.price)}
        </button>
      </td>
      <td class="right">${count(rung.quantity)}</td>
      <td class="right quiet">${count(rung.orders)}</td>
      <td class="right quiet">${count(rung.total)}</td>
    </tr>`;
  }

  #picked(price: string): void {
    this.dispatchEvent(new CustomEvent("picked", { detail: price, bubbles: true, composed: true }));
  }
}

function padded(rungs: readonly Rung[], rows: number): (Rung | null)[] {
  return Array.from({ length: rows }, (_, index) => rungs[index] ?? null);
}

function spread(ask: Rung | undefined, bid: Rung | undefined): TemplateResult {
  const [low, high] = [micros(bid?.price ?? ""), micros(ask?.price ?? "")];
  const words =
    low !== null && high !== null
      ? html`spread <b>${usd(high - low, 4)}</b> · mid <b>${usd((high + low) / 2n, 4)}</b>`
      : ask
        ? "no bids"
        : bid
          ? "no asks"
          : "nothing rests in this book";
  return html`<tr class="spread"><td colspan="4">${words}</td></tr>`;
}

declare global {
  interface HTMLElementTagNameMap {
    "broker-ladder": BrokerLadder;
  }
}
