import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { type App, wordsOf } from "../app";
import { type Revenue, told } from "../lib/api-client";
import { saved } from "../lib/download";
import { count, day, money } from "../lib/formatters";
import { controls } from "../styles/controls";
import type { Plot } from "./broker-chart";
import "./broker-chart";

const EVERY_MS = 60_000;
const PATH = "/api/v2/providers/me/revenue";

/** What the provider earned: by day as bars, by GPU type as a table. */
@customElement("broker-revenue")
export class BrokerRevenue extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        overflow: auto;
        scrollbar-width: thin;
      }
      .parts {
        display: grid;
        grid-template-columns: minmax(0, 3fr) minmax(240px, 2fr);
        gap: 12px;
        align-items: start;
        padding: 10px 12px;
      }
      @media (max-width: 800px) {
        .parts {
          grid-template-columns: minmax(0, 1fr);
        }
      }
      .total {
        font-size: 19px;
        font-weight: 650;
        font-variant-numeric: tabular-nums;
      }
      .head {
        display: flex;
        gap: 12px;
        align-items: baseline;
      }
      .head button {
        margin-left: auto;
      }
    `,
  ];

  @property({ attribute: false }) app!: App;
  @state() private byDay: Revenue | null = null;
  @state() private byType: Revenue | null = null;
  @state() private fault = "";
  #timer: ReturnType<typeof setInterval> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#load();
    this.#timer = setInterval(() => void this.#load(), EVERY_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
  }

  override render(): TemplateResult {
    const { byDay, byType } = this;
    if (this.fault) return html`<p class="empty" role="alert">${this.fault}</p>`;
    if (!byDay || !byType) return html`<p class="empty">Reading revenue…</p>`;
    return html`<div class="parts">
      <div>
        <div class="head">
          <span class="total">${money(byDay.total_revenue)}</span>
          <span class="quiet">in 30 days, ${money(byDay.total_fee)} of fees are off</span>
          <button @click=${this.#export}>Export CSV</button>
        </div>
        ${
          byDay.breakdown.length
            ? html`<broker-chart .plot=${daysOf(byDay)} label=${`Revenue by day, ${money(byDay.total_revenue)} in all`}></broker-chart>`
            : html`<p class="empty">Nothing was sold in the last 30 days.</p>`
        }
      </div>
      <table aria-label="Revenue by GPU type">
        <thead>
          <tr><th scope="col">GPU type</th><th scope="col" class="right">Trades</th><th scope="col" class="right">GPU-hours</th><th scope="col" class="right">Revenue</th></tr>
        </thead>
        <tbody>
          ${byType.breakdown.map(
            (part) =>
              html`<tr>
                <td>${part.gpu_type ?? nothing}</td>
                <td class="right">${count(part.trades)}</td>
                <td class="right">${count(Number(part.gpu_hours))}</td>
                <td class="right">${money(part.revenue)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }

  async #load(): Promise<void> {
    try {
      const ask = (by: "day" | "gpu_type") =>
        told(this.app.api.http.GET(PATH, { params: { query: { by } } }));
      [this.byDay, this.byType] = await Promise.all([ask("day"), ask("gpu_type")]);
      this.fault = "";
    } catch (error) {
      this.fault = wordsOf(error);
    }
  }

  async #export(): Promise<void> {
    try {
      saved(await this.app.api.csv(`${PATH}?by=day`), "revenue-by-day.csv");
    } catch (error) {
      this.app.notices.fail(error);
    }
  }
}

function daysOf(revenue: Revenue): Plot {
  const days = [...revenue.breakdown].sort((a, b) => ((a.day ?? "") < (b.day ?? "") ? -1 : 1));
  return {
    kind: "bars",
    isTime: false,
    labelX: "Day",
    x: days.map((_, place) => place),
    lines: [
      {
        label: "Revenue",
        colour: "gauge",
        values: days.map((each) => Number(each.revenue)),
        show: (value) => `$${count(value)}`,
      },
    ],
    showX: (place) => (Number.isInteger(place) && days[place]?.day ? day(days[place].day) : ""),
    showY: (value) => `$${count(value)}`,
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "broker-revenue": BrokerRevenue;
  }
}
