import { css, html, LitElement, type TemplateResult } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { controls } from "../styles/controls";

/** A dialog over the page: keeps the focus, ends with Escape, and gives the focus back. Fires `closed`. */
@customElement("saas-glass-modal")
export class SaasGlassModal extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: contents;
      }
      dialog {
        border: 1px solid var(--line);
        border-radius: 12px;
        padding: 0;
        margin: auto;
        width: min(var(--modal-width, 640px), calc(100vw - 24px));
        max-height: min(86vh, 900px);
        background: var(--raised);
        color: var(--ink);
        box-shadow: 0 24px 64px light-dark(rgb(16 28 45 / 0.22), rgb(0 0 0 / 0.6));
        overflow: hidden;
      }
      dialog[open] {
        display: flex;
        flex-direction: column;
        animation: rise 0.14s ease-out;
      }
      dialog::backdrop {
        background: light-dark(rgb(232 238 245 / 0.62), rgb(5 9 14 / 0.66));
        backdrop-filter: blur(6px) saturate(1.1);
      }
      @keyframes rise {
        from {
          opacity: 0;
          transform: translateY(6px);
        }
      }
      @media (prefers-reduced-motion: reduce) {
        dialog[open] {
          animation: none;
        }
      }
      header {
        display: flex;
        align-items: center;
        gap: 12px;
        padding: 12px 12px 12px 18px;
        border-bottom: 1px solid var(--line);
        flex: none;
      }
      h2 {
        font-size: 15px;
        margin-right: auto;
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
      }
      .close {
        border-color: transparent;
        width: 30px;
        padding: 0;
        font-size: 18px;
        line-height: 1;
        color: var(--ink-2);
        background: none;
      }
      .body {
        padding: 16px 18px 18px;
        overflow: auto;
        scrollbar-width: thin;
      }
    `,
  ];

  @property() heading = "";
  @property({ type: Boolean }) open = false;
  @query("dialog") private readonly dialog!: HTMLDialogElement;

  override updated(): void {
    if (this.open && !this.dialog.open) this.dialog.showModal();
    if (!this.open && this.dialog.open) this.dialog.close();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.dialog?.close();
  }

  override render(): TemplateResult {
    return html`<dialog aria-labelledby="heading" @close=${this.#closed} @click=${this.#clicked}>
      <header>
        <h2 id="heading">${this.heading}</h2>
        <slot name="head"></slot>
        <button class="close" aria-label="Close" @click=${() => this.dialog.close()}>×</button>
      </header>
      <div class="body"><slot></slot></div>
    </dialog>`;
  }

  #closed(): void {
    this.open = false;
    this.dispatchEvent(new CustomEvent("closed"));
  }

  /** A click on the glass around it closes it. */
  #clicked(event: MouseEvent): void {
    if (event.target === this.dialog && event.detail > 0) this.dialog.close();
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "saas-glass-modal": SaasGlassModal;
  }
}
