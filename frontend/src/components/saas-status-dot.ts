import { css, html, LitElement, svg, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";

const WORDS: Record<string, string> = {
  healthy: "Healthy",
  degraded: "Degraded",
  offline: "Offline",
  unknown: "Silent",
  maintenance: "Maintenance",
  live: "Live",
  stale: "Stale",
  connecting: "Connecting",
  refused: "Refused",
};

/** A state as a sign that differs in shape as well as in colour, with its word. */
@customElement("saas-status-dot")
export class SaasStatusDot extends LitElement {
  static override styles = css`
    :host {
      display: inline-flex;
      align-items: center;
      gap: 5px;
      font-size: 12px;
      white-space: nowrap;
    }
    svg {
      width: 10px;
      height: 10px;
      flex: none;
      fill: currentColor;
    }
    .sign {
      display: inline-flex;
      color: var(--ink-3);
    }
    .healthy,
    .live,
    .good {
      color: var(--bid);
    }
    .degraded,
    .stale,
    .connecting,
    .warn {
      color: var(--warn);
    }
    .offline,
    .refused,
    .bad {
      color: var(--ask);
    }
    .hidden {
      position: absolute;
      width: 1px;
      height: 1px;
      overflow: hidden;
      clip-path: inset(50%);
    }
  `;

  /** One of the states of a node or of a feed. */
  @property() status = "unknown";
  /** Whether only screen readers are told the word. */
  @property({ type: Boolean }) bare = false;
  /** Another word than the state's own. */
  @property() word = "";

  override render(): TemplateResult {
    return html`<span class="sign ${this.status}">${shape(this.status)}</span
      ><span class=${this.bare ? "hidden" : ""}>${this.word || WORDS[this.status] || this.status}</span>`;
  }
}

function shape(status: string): TemplateResult {
  const inside =
    status === "healthy" || status === "live" || status === "good"
      ? svg`<circle cx="5" cy="5" r="4.5"/>`
      : status === "degraded" || status === "stale" || status === "warn"
        ? svg`<path d="M5 .4 9.8 9.4H.2Z"/>`
        : status === "offline" || status === "refused" || status === "bad"
          ? svg`<path d="M1 1h8v8H1z"/>`
          : status === "maintenance"
            ? svg`<path d="M1.5 1h2.6v8H1.5zM5.9 1h2.6v8H5.9z"/>`
            : svg`<path d="M5 .5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9Zm0 1.8a2.7 2.7 0 1 1 0 5.4 2.7 2.7 0 0 1 0-5.4Z"/>`;
  return html`<svg viewBox="0 0 10 10" aria-hidden="true">${inside}</svg>`;
}

declare global {
  interface HTMLElementTagNameMap {
    "saas-status-dot": SaasStatusDot;
  }
}
