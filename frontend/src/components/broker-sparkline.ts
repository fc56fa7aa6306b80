import { css, LitElement, svg, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Sample } from "../live/fleet";

const WIDTH = 96;
const HEIGHT = 22;

/** A line of parts of one over the last minutes, without axes. */
@customElement("broker-sparkline")
export class BrokerSparkline extends LitElement {
  static override styles = css`
    :host {
      display: inline-block;
      width: 96px;
      height: 22px;
    }
    svg {
      width: 100%;
      height: 100%;
      display: block;
    }
    .area {
      fill: var(--accent-soft);
    }
    .line {
      fill: none;
      stroke: var(--gauge);
      stroke-width: 1.5;
      stroke-linejoin: round;
    }
  `;

  @property({ attribute: false }) samples: readonly Sample[] = [];

  override render(): TemplateResult {
    const points = this.#points();
    const line = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
    const area = points.length ? `${points[0]?.[0]},${HEIGHT} ${line} ${points.at(-1)?.[0]},${HEIGHT}` : "";
    return svg`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true">
      <polygon class="area" points=${area}/><polyline class="line" points=${line}/></svg>`;
  }

  #points(): [number, number][] {
    const shown = this.samples.slice(-120);
    const step = WIDTH / Math.max(shown.length - 1, 23);
    const first = WIDTH - step * (shown.length - 1);
    return shown.map(({ value }, place) => [first + place * step, (HEIGHT - 2) * (1 - value) + 1]);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "broker-sparkline": BrokerSparkline;
  }
}
