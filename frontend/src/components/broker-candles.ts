import type { IChartApi, ISeriesApi, Time } from "lightweight-charts";
import { css, html, LitElement, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { TapeTrade } from "../lib/api-client";
import { type Candle, candlesOf, withTrade } from "../lib/candles";
import type { BookStore } from "../live/market";
import { controls } from "../styles/controls";

const STEPS = { "1 min": 60, "5 min": 300, "15 min": 900, "1 h": 3_600 } as const;
type Step = keyof typeof STEPS;

const MOST_BARS = 120;
const LEAST_BARS = 40;
const TRADES_OF_A_CANDLE = 3;

interface Drawn {
  readonly chart: IChartApi;
  readonly bars: ISeriesApi<"Candlestick">;
  readonly volumes: ISeriesApi<"Histogram">;
}

/** A book's trades as candles with volume. */
@customElement("broker-candles")
export class BrokerCandles extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: grid;
        grid-template-rows: 32px minmax(0, 1fr) 22px;
        min-height: 0;
      }
      .steps {
        display: flex;
        align-items: center;
        gap: 2px;
        padding: 0 8px;
      }
      .steps button {
        border: 0;
        background: none;
        color: var(--ink-2);
        padding: 2px 8px;
        min-height: 24px;
      }
      .steps button[aria-pressed="true"] {
        background: var(--accent-soft);
        color: var(--ink);
        font-weight: 600;
      }
      .chart {
        position: relative;
        min-height: 0;
        min-width: 0;
        overflow: hidden;
      }
      .chart > div {
        position: absolute;
        inset: 0;
      }
      .source {
        font-size: 11px;
        color: var(--ink-3);
        padding: 2px 10px;
        text-align: right;
      }
      .none {
        position: absolute;
        inset: 0;
        display: grid;
        place-items: center;
        color: var(--ink-3);
        pointer-events: none;
      }
    `,
  ];

  @property({ attribute: false }) book!: BookStore;
  @state() private step: Step = "1 min";
  @state() private isEmpty = true;
  @query(".chart > div") private readonly place!: HTMLElement;
  #drawn: Drawn | null = null;
  #last: Candle | undefined;
  #isChosen = false;
  #stop: () => void = () => {};
  #resized: ResizeObserver | null = null;
  readonly #themed = () => {
    this.#drawn?.chart.applyOptions(colours(this));
    this.#drawn?.bars.applyOptions(barColours(this));
  };

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("themechange", this.#themed);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.#themed);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("themechange", this.#themed);
    matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this.#themed);
    this.#stop();
    this.#resized?.disconnect();
    this.#drawn?.chart.remove();
    this.#drawn = null;
  }

  override async firstUpdated(): Promise<void> {
    const library = await import("lightweight-charts");
    if (!this.isConnected) return;
    const chart = library.createChart(this.place, { ...colours(this), ...LAYOUT });
    const bars = chart.addSeries(library.CandlestickSeries, barColours(this));
    const volumes = chart.addSeries(library.HistogramSeries, {
      priceFormat: { type: "volume" },
      priceScaleId: "volume",
      lastValueVisible: false,
      priceLineVisible: false,
      color: "rgb(128 140 155 / 0.35)",
    });
    volumes.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.#drawn = { chart, bars, volumes };
    this.#resized = new ResizeObserver(() => chart.resize(this.place.clientWidth, this.place.clientHeight));
    this.#resized.observe(this.place);
    this.#follow();
  }

  override updated(changed: PropertyValues): void {
    if (changed.has("book") || changed.has("step")) this.#follow();
  }

  override render(): TemplateResult {
    return html`<div class="steps" role="group" aria-label="Length of a candle">
        ${Object.keys(STEPS).map(
          (name) =>
            html`<button
              aria-pressed=${name === this.step}
              @click=${() => this.#choose(name as Step)}
            >${name}</button>`,
        )}
      </div>
      <div class="chart" role="img" aria-label="Candles of ${this.book.bookId}: ${this.#summary()}">
        <div></div>
        ${this.isEmpty ? html`<p class="none">No trade to draw yet.</p>` : ""}
      </div>
      <p class="source">
        Charts by <a href="https://www.tradingview.com/" rel="noreferrer noopener" target="_blank">TradingView</a>
        Lightweight Charts™
      </p>`;
  }

  #choose(step: Step): void {
    this.#isChosen = true;
    this.step = step;
  }

  #summary(): string {
    return this.#last ? `last price ${this.#last.close}` : "no trade yet";
  }

  /** Draw the book's trades, and from now on each new one; if others come to be known, all anew. */
  #follow(): void {
    if (!this.#drawn) return;
    this.#stop();
    const { book } = this;
    let newest = -1;
    let known = -1;
    const look = () => {
      const { trades, mended } = book.tape;
      if (newest === -1 || mended !== known) this.#drawAll(trades);
      else for (const trade of trades.filter((each) => each.book_seq > newest).reverse()) this.#draw(trade);
      newest = trades[0]?.book_seq ?? -1;
      known = mended;
    };
    look();
    this.#stop = book.subscribe(look);
  }

  #drawAll(trades: readonly TapeTrade[]): void {
    if (!this.#isChosen) this.step = stepFor(trades);
    const candles = candlesOf(trades, STEPS[this.step]);
    this.#last = candles.at(-1);
    this.isEmpty = !candles.length;
    this.#drawn?.bars.setData(candles.map(bar));
    this.#drawn?.volumes.setData(candles.map(volume));
    const from = Math.min(Math.max(0, candles.length - MOST_BARS), candles.length - LEAST_BARS);
    this.#drawn?.chart.timeScale().setVisibleLogicalRange({ from, to: candles.length + 3 });
  }

  #draw(trade: TapeTrade): void {
    this.#last = withTrade(this.#last, trade, STEPS[this.step]);
    this.isEmpty = false;
    this.#drawn?.bars.update(bar(this.#last));
    this.#drawn?.volumes.update(volume(this.#last));
  }
}

/** The shortest step whose candles have a few trades each, as long as nobody chose another. */
function stepFor(trades: readonly TapeTrade[]): Step {
  const names = Object.keys(STEPS) as Step[];
  const fits = (name: Step) => candlesOf(trades, STEPS[name]).length * TRADES_OF_A_CANDLE <= trades.length;
  return names.find(fits) ?? "1 h";
}

function bar({ time, open, high, low, close }: Candle) {
  return { time: local(time), open, high, low, close };
}

function volume({ time, volume }: Candle) {
  return { time: local(time), value: volume };
}

/** The library draws times as UTC: shifted, they are those of the reader's zone. */
function local(seconds: number): Time {
  return (seconds - new Date(seconds * 1_000).getTimezoneOffset() * 60) as Time;
}

const LAYOUT = {
  handleScale: { mouseWheel: false, pinch: true },
  timeScale: { timeVisible: true, secondsVisible: false, borderVisible: false },
  rightPriceScale: { borderVisible: false },
} as const;

/** The library wants plain colours: those that the page's custom properties stand for now. */
function colour(host: Element, name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  host.shadowRoot?.append(probe);
  const told = getComputedStyle(probe).color;
  probe.remove();
  return told;
}

function colours(host: Element) {
  const line = colour(host, "line");
  return {
    layout: {
      background: { color: colour(host, "surface") },
      textColor: colour(host, "ink-3"),
      fontSize: 11,
      fontFamily: "system-ui, sans-serif",
      attributionLogo: false,
    },
    grid: { vertLines: { color: line }, horzLines: { color: line } },
  };
}

function barColours(host: Element) {
  const [up, down] = [colour(host, "bid"), colour(host, "ask")];
  return {
    upColor: up,
    wickUpColor: up,
    downColor: down,
    wickDownColor: down,
    borderVisible: false,
    priceFormat: { type: "price", precision: 4, minMove: 0.0001 },
  } as const;
}

declare global {
  interface HTMLElementTagNameMap {
    "broker-candles": BrokerCandles;
  }
}
