import { css, html, LitElement, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { controls } from "../styles/controls";

export interface Tab {
  readonly id: string;
  readonly words: string;
}

/** Tabs of a panel, moved through with the arrow keys. Fires `chosen` with a tab's id. */
@customElement("broker-tabs")
export class BrokerTabs extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        margin-block: -4px -5px;
      }
      [role="tab"] {
        min-height: 41px;
        margin-bottom: 0;
      }
    `,
  ];

  @property({ attribute: false }) tabs: readonly Tab[] = [];
  @property() chosen = "";
  @property() label = "";

  override render(): TemplateResult {
    return html`<div role="tablist" aria-label=${this.label}>
      ${this.tabs.map(
        (tab) =>
          html`<button
            role="tab"
            data-tab=${tab.id}
            aria-selected=${tab.id === this.chosen}
            tabindex=${tab.id === this.chosen ? 0 : -1}
            @click=${() => this.#choose(tab)}
            @keydown=${this.#pressed}
          >${tab.words}</button>`,
      )}
    </div>`;
  }

  #choose(tab: Tab): void {
    this.dispatchEvent(new CustomEvent("chosen", { detail: tab.id }));
  }

  #pressed(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const place = this.tabs.findIndex((tab) => tab.id === this.chosen);
    const next = this.tabs[(place + step + this.tabs.length) % this.tabs.length];
    if (!next) return;
    this.#choose(next);
    this.renderRoot.querySelector<HTMLElement>(`[data-tab="${next.id}"]`)?.focus();
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "broker-tabs": BrokerTabs;
  }
}
