import { css, html, LitElement, type PropertyValues, type TemplateResult, unsafeCSS } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import type uPlot from "uplot";
import plotStyles from "uplot/dist/uPlot.min.css?inline";

export interface Line {
  readonly label: string;
  /** Name of the custom property that has its colour. */
  readonly colour: string;
  readonly values: readonly (number | null)[];
  readonly show?: (value: number) => string;
}

/** What to draw: lines or bars over a common axis. */
export interface Plot {
  readonly kind: "lines" | "bars";
  readonly x: readonly number[];
  readonly lines: readonly Line[];
  /** Whether x are times, in seconds since 1970. */
  readonly isTime: boolean;
  readonly showX?: (value: number) => string;
  /** The same for the axis, where it must be short. */
  readonly axisX?: (value: number) => string;
  /** What x is, for the legend. */
  readonly labelX: string;
  readonly showY: (value: number) => string;
  /** The range of y, where it must not follow the values. */
  readonly range?: readonly [number, number];
}

/** A small chart, with what it shows in words for who cannot see it. */
@customElement("broker-chart")
export class BrokerChart extends LitElement {
  static override styles = [
    unsafeCSS(plotStyles),
    css`
      :host {
        display: block;
        position: relative;
        height: 180px;
        min-width: 0;
        overflow: hidden;
      }
      .plot {
        position: absolute;
        inset: 0;
      }
      .u-legend {
        font: 11.5px var(--sans);
        color: var(--ink-2);
        text-align: left;
        padding-left: 8px;
      }
      .u-legend th,
      .u-legend td {
        padding: 1px 4px;
        vertical-align: middle;
      }
      .uplot,
      .uplot * {
        font-family: var(--sans);
      }
    `,
  ];

  @property({ attribute: false }) plot!: Plot;
  /** What the chart shows, in words. */
  @property() label = "";
  @query(".plot") private readonly place!: HTMLElement;
  #chart: uPlot | null = null;
  #shape = "";
  #library: typeof uPlot | null = null;
  #resized: ResizeObserver | null = null;
  readonly #themed = () => this.#draw(true);

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("themechange", this.#themed);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.#themed);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("themechange", this.#themed);
    matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this.#themed);
    this.#resized?.disconnect();
    this.#chart?.destroy();
    this.#chart = null;
  }

  override async firstUpdated(): Promise<void> {
    this.#library = (await import("uplot")).default;
    if (!this.isConnected) return;
    this.#resized = new ResizeObserver(() => this.#draw());
    this.#resized.observe(this);
    this.#draw();
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has("plot")) this.#draw();
  }

  override render(): TemplateResult {
    return html`<div class="plot" role="img" aria-label=${this.label}></div>`;
  }

  /** Draw; a chart of the same form only gets the new data. */
  #draw(anew = false): void {
    if (!this.#library || !this.clientWidth) return;
    const data = [this.plot.x, ...this.plot.lines.map((line) => line.values)] as unknown as uPlot.AlignedData;
    const size = { width: this.clientWidth, height: this.clientHeight - 26 };
    const shape = `${this.plot.kind} ${this.plot.lines.map((line) => line.label).join(" ")}`;
    if (this.#chart && shape === this.#shape && !anew) {
      if (this.#chart.width !== size.width || this.#chart.height !== size.height) this.#chart.setSize(size);
      this.#chart.setData(data);
      return;
    }
    this.#chart?.destroy();
    this.#shape = shape;
    this.#chart = new this.#library({ ...size, ...this.#options(this.#library) }, data, this.place);
  }

  #options(library: typeof uPlot): Omit<uPlot.Options, "width" | "height"> {
    const { plot } = this;
    const axis = {
      stroke: this.#colour("ink-3"),
      font: "11px system-ui",
      grid: { stroke: this.#colour("line"), width: 1 },
    };
    const ticks = plot.axisX ?? plot.showX;
    const bars = plot.kind === "bars" ? library.paths.bars?.({ size: [0.62, 48] }) : undefined;
    return {
      cursor: { drag: { x: false, y: false } },
      scales: {
        x: { time: plot.isTime },
        y: plot.range
          ? { range: () => [...(plot.range ?? [0, 1])] }
          : { range: (_, __, most) => [0, most * 1.12 || 1] },
      },
      axes: [
        {
          ...axis,
          ticks: { show: false },
          size: 28,
          ...(ticks ? { values: (_, at) => at.map(ticks) } : {}),
        },
        { ...axis, ticks: { show: false }, size: 62, values: (_, at) => at.map(plot.showY) },
      ],
      series: [
        {
          label: plot.labelX,
          ...(plot.showX ? { value: (_, x) => (x === null ? "–" : (plot.showX?.(x) ?? "")) } : {}),
        },
        ...plot.lines.map((line) => {
          const colour = this.#colour(line.colour);
          const show = line.show ?? plot.showY;
          return {
            label: line.label,
            stroke: colour,
            width: plot.kind === "bars" ? 0 : 1.75,
            fill: plot.kind === "bars" ? colour : this.#colour(line.colour, 12),
            points: { show: false },
            value: (_: uPlot, value: number | null) => (value === null ? "–" : show(value)),
            ...(bars ? { paths: bars } : {}),
          };
        }),
      ],
    };
  }

  /** A canvas needs the colour that a custom property stands for now. */
  #colour(name: string, percent = 100): string {
    const probe = document.createElement("span");
    probe.style.color = `color-mix(in srgb, var(--${name}) ${percent}%, transparent)`;
    this.renderRoot.append(probe);
    const told = getComputedStyle(probe).color;
    probe.remove();
    return told;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "broker-chart": BrokerChart;
  }
}
