import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Dashboard, Figure } from "../lib/api-client";
import { change, count, money, NONE, percent, price } from "../lib/formatters";
import { controls } from "../styles/controls";

type Name = keyof Dashboard["kpis"];

interface Tile {
  readonly name: Name;
  readonly title: string;
  readonly unit: string;
  readonly show: (value: Figure["value"]) => string;
}

const TILES: readonly Tile[] = [
  { name: "trading_volume", title: "Trading volume", unit: "per hour", show: (value) => money(text(value)) },
  {
    name: "gpu_utilization",
    title: "GPUs leased",
    unit: "of all",
    show: (value) => percent(number(value), 1),
  },
  {
    name: "avg_spot_price",
    title: "Average spot price",
    unit: "per GPU-hour",
    show: (value) => price(text(value)),
  },
  {
    name: "active_providers",
    title: "Active providers",
    unit: "24 h",
    show: (value) => count(number(value)),
  },
  {
    name: "active_consumers",
    title: "Active consumers",
    unit: "24 h",
    show: (value) => count(number(value)),
  },
  {
    name: "order_fill_rate",
    title: "Order fill rate",
    unit: "24 h",
    show: (value) => percent(number(value), 1),
  },
  { name: "platform_revenue", title: "Platform revenue", unit: "24 h", show: (value) => money(text(value)) },
];

/** The market's key figures in a row, each beside what it was 24 hours before. */
@customElement("broker-kpis")
export class BrokerKpis extends LitElement {
  static override styles = [
    controls,
    css`
      dl {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(136px, 1fr));
        gap: 1px;
        background: var(--line);
        border: 1px solid var(--line);
        border-radius: var(--radius);
        overflow: hidden;
      }
      div {
        background: var(--surface);
        padding: 8px 12px 9px;
        min-width: 0;
        height: 66px;
      }
      dt {
        color: var(--ink-3);
        font-size: 11.5px;
        white-space: nowrap;
        overflow: hidden;
        text-overflow: ellipsis;
      }
      dd {
        font-size: 19px;
        line-height: 1.35;
        font-weight: 650;
        letter-spacing: -0.01em;
        font-variant-numeric: tabular-nums;
        display: flex;
        align-items: baseline;
        gap: 6px;
        white-space: nowrap;
      }
      small {
        font-size: 11.5px;
        font-weight: 500;
        letter-spacing: 0;
        color: var(--ink-3);
      }
      small.up {
        color: var(--bid);
      }
      small.down {
        color: var(--ask);
      }
    `,
  ];

  @property({ attribute: false }) dashboard: Dashboard | null = null;
  /** Whether the platform's own revenue has a tile. */
  @property({ type: Boolean }) revenue = false;

  override render(): TemplateResult {
    const tiles = TILES.filter((tile) => this.revenue || tile.name !== "platform_revenue");
    return html`<dl aria-label="Key figures of the market">${tiles.map((tile) => this.#tile(tile))}</dl>`;
  }

  #tile(tile: Tile): TemplateResult {
    const figure = this.dashboard?.kpis[tile.name];
    const delta = figure ? change(number(figure.value), number(figure.value_24h_before)) : null;
    return html`<div data-kpi=${tile.name}>
      <dt>${tile.title} <span class="quiet">${tile.unit}</span></dt>
      <dd>
        ${figure ? tile.show(figure.value) : NONE}
        ${delta ? html`<small class=${delta.up ? "up" : "down"} title="against 24 hours before">${delta.text}</small>` : nothing}
      </dd>
    </div>`;
  }
}

function number(value: Figure["value"]): number | null {
  return value === null ? null : Number(value);
}

function text(value: Figure["value"]): string | null {
  return value === null ? null : String(value);
}

declare global {
  interface HTMLElementTagNameMap {
    "broker-kpis": BrokerKpis;
  }
}
