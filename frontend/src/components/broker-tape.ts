import { css, html, LitElement, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { clock, count, hours, ladderPrice } from "../lib/formatters";
import type { BookStore } from "../live/market";
import { Watching } from "../live/store";
import { controls } from "../styles/controls";

const SHOWN = 60;

/** A book's trades, newest first. Rows stay where they are and are filled anew: nothing shifts. */
@customElement("broker-tape")
export class BrokerTape extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        overflow: auto;
        scrollbar-width: thin;
      }
      th,
      td {
        padding: 0 8px;
        height: 21px;
      }
      thead th {
        height: 24px;
      }
      tbody tr + tr > * {
        border-top: 0;
      }
      td:first-child {
        color: var(--ink-3);
      }
    `,
  ];

  @property({ attribute: false }) book!: BookStore;

  constructor() {
    super();
    new Watching(this, () => [this.book]);
  }

  override render(): TemplateResult {
    const trades = this.book.tape.trades.slice(0, SHOWN);
    return html`<table aria-label="Trades of ${this.book.bookId}">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col" class="right">Price</th>
            <th scope="col" class="right">GPUs</th>
            <th scope="col" class="right">For</th>
          </tr>
        </thead>
        <tbody>
          ${trades.map(
            (trade) =>
              html`<tr data-trade=${trade.id}>
                <td>${clock(trade.executed_at)}</td>
                <td class="right ${trade.aggressor}">
                  <span class="visually-hidden">${trade.aggressor === "bid" ? "bought" : "sold"} at </span
                  ><span aria-hidden="true">${trade.aggressor === "bid" ? "▲" : "▼"}</span> ${ladderPrice(trade.price)}
                </td>
                <td class="right">${count(trade.quantity)}</td>
                <td class="right quiet">${hours(trade.duration_hours)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
      ${trades.length ? "" : html`<p class="empty">No trade yet.</p>`}`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "broker-tape": BrokerTape;
  }
}
