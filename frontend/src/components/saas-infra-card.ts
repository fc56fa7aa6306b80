import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { GpuReading } from "../lib/api-client";
import { cssVars } from "../lib/css-vars";
import { celsius, percent, price } from "../lib/formatters";
import { type LiveNode, meanUtilization } from "../live/fleet";
import { controls } from "../styles/controls";
import "./saas-status-dot";

const HOT_CELSIUS = 85;

/** A node: its health, what each of its GPUs does, what it costs, what of it is leased. */
@customElement("saas-infra-card")
export class SaasInfraCard extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        content-visibility: auto;
        contain-intrinsic-size: auto 96px;
      }
      button {
        display: grid;
        grid-template-rows: auto 30px auto;
        gap: 6px;
        width: 100%;
        height: 100%;
        padding: 8px 10px;
        text-align: left;
        border: 1px solid var(--line);
        border-radius: 7px;
        background: var(--surface);
        white-space: normal;
      }
      button:hover:not(:disabled) {
        border-color: var(--accent);
        background: var(--surface);
      }
      .offline,
      .degraded {
        border-left-width: 3px;
        padding-left: 8px;
      }
      .offline {
        border-left-color: var(--ask);
      }
      .degraded {
        border-left-color: var(--warn);
      }
      .line {
        display: flex;
        align-items: center;
        gap: 6px;
        min-width: 0;
      }
      .name {
        font-weight: 600;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .end {
        margin-left: auto;
        white-space: nowrap;
      }
      .gpus {
        display: grid;
        grid-auto-flow: column;
        grid-auto-columns: 1fr;
        gap: 3px;
      }
      .gpu {
        --part: calc(var(--used, 0) * 100%);
        border-radius: 2px;
        background: linear-gradient(to top, var(--tint, var(--gauge)) var(--part), var(--sunken) 0);
      }
      .gpu.hot,
      .gpu.degraded {
        --tint: var(--gauge-hot);
      }
      .gpu.offline {
        --tint: var(--gauge-top);
      }
      .gpu.none {
        background: repeating-linear-gradient(135deg, var(--sunken) 0 3px, var(--line) 3px 5px);
      }
      .facts {
        font-size: 11.5px;
        color: var(--ink-3);
        gap: 8px;
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
        overflow: hidden;
      }
      .facts b {
        font-weight: 600;
        color: var(--ink);
      }
      .price {
        font-size: 12px;
        font-variant-numeric: tabular-nums;
        color: var(--ink-2);
      }
    `,
  ];

  @property({ attribute: false }) node!: LiveNode;

  override render(): TemplateResult {
    const { node } = this;
    const read = node.gpus.filter((gpu): gpu is GpuReading => gpu !== null);
    const used = meanUtilization([node]);
    return html`<button class=${node.status} @click=${this.#open}>
      <span class="line">
        <saas-status-dot status=${node.status} bare aria-hidden="true"></saas-status-dot>
        <span class="name">${node.hostname}</span>
        <span class="end price">${price(node.basePrice)}${node.surgeEnabled ? html` <span title="surge pricing" aria-hidden="true">↗</span>` : nothing}</span>
      </span>
      <span class="gpus" aria-hidden="true">${node.gpus.map(gauge)}</span>
      <span class="line facts">
        <span>${node.gpuType} ×${node.gpuCount}</span>
        <b>${percent(used)}</b>
        <span>${celsius(read.length ? Math.max(...read.map((gpu) => gpu.temperature)) : null)}</span>
        <span class="end">${leased(node)}</span>
      </span>
      <span class="visually-hidden">${spoken(node)}</span>
    </button>`;
  }

  #open(): void {
    this.dispatchEvent(new CustomEvent("open", { detail: this.node.id, bubbles: true, composed: true }));
  }
}

function gauge(gpu: GpuReading | null): TemplateResult {
  if (!gpu) return html`<i class="gpu none"></i>`;
  const hot = gpu.temperature >= HOT_CELSIUS ? "hot" : "";
  return html`<i class="gpu ${gpu.status} ${hot}" ${cssVars({ used: gpu.gpu_utilization.toFixed(3) })}></i>`;
}

function leased(node: LiveNode): string {
  if (node.allocated) return `${node.allocated} leased`;
  return node.held ? `${node.held} listed` : "free";
}

/** What only its look tells. */
function spoken(node: LiveNode): string {
  const status = node.status === "unknown" ? "silent" : node.status;
  return `${status}; ${node.held} listed, ${node.available} free${node.surgeEnabled ? "; price with surge" : ""}`;
}

declare global {
  interface HTMLElementTagNameMap {
    "saas-infra-card": SaasInfraCard;
  }
}
