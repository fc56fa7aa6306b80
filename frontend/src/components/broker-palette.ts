import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { Command, Commands } from "../app";
import { controls } from "../styles/controls";

const SHOWN = 12;

/** Everything that can be done, by name, without leaving the keyboard. */
@customElement("broker-palette")
export class BrokerPalette extends LitElement {
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
        margin: 12vh auto auto;
        width: min(560px, calc(100vw - 24px));
        background: var(--raised);
        color: var(--ink);
        box-shadow: 0 24px 64px light-dark(rgb(16 28 45 / 0.25), rgb(0 0 0 / 0.6));
        overflow: hidden;
      }
      dialog::backdrop {
        background: light-dark(rgb(232 238 245 / 0.5), rgb(5 9 14 / 0.6));
        backdrop-filter: blur(3px);
      }
      input {
        border: 0;
        border-bottom: 1px solid var(--line);
        border-radius: 0;
        background: transparent;
        padding: 14px 16px;
        font-size: 15px;
      }
      input:focus-visible {
        outline-offset: -3px;
      }
      ul {
        list-style: none;
        padding: 6px;
        max-height: 50vh;
        overflow: auto;
      }
      li {
        display: flex;
        justify-content: space-between;
        gap: 12px;
        padding: 7px 10px;
        border-radius: 6px;
        cursor: pointer;
      }
      li[aria-selected="true"] {
        background: var(--accent-soft);
      }
      li span:last-child {
        color: var(--ink-3);
        font-size: 12px;
      }
      li[aria-selected="true"] span:last-child {
        color: var(--ink-2);
      }
    `,
  ];

  @property({ attribute: false }) commands!: Commands;
  @state() private open = false;
  @state() private text = "";
  @state() private place = 0;
  @query("dialog") private readonly dialog!: HTMLDialogElement;
  @query("input") private readonly input!: HTMLInputElement;

  show(): void {
    if (this.dialog.open) return;
    this.open = true;
    this.text = "";
    this.place = 0;
    this.dialog.showModal();
    this.input.focus();
  }

  toggle(): void {
    if (this.dialog.open) this.dialog.close();
    else this.show();
  }

  override render(): TemplateResult {
    const found = this.open ? this.#found() : [];
    return html`<dialog aria-label="Commands" @close=${this.#closed} @click=${this.#clicked}>
      <input
        role="combobox"
        aria-label="Command"
        aria-expanded="true"
        aria-controls="found"
        aria-activedescendant=${found.length ? `command-${this.place}` : nothing}
        autocomplete="off"
        spellcheck="false"
        placeholder="What do you want to do?"
        .value=${this.text}
        @input=${this.#typed}
        @keydown=${(event: KeyboardEvent) => this.#pressed(event, found)}
      />
      <ul id="found" role="listbox" aria-label="Commands">
        ${found.map(
          (command, index) =>
            html`<li
              id="command-${index}"
              role="option"
              aria-selected=${index === this.place}
              @click=${() => this.#run(command)}
              @pointermove=${() => (this.place = index)}
            >
              <span>${command.name}</span><span>${command.group}</span>
            </li>`,
        )}
      </ul>
      ${this.open && !found.length ? html`<p class="empty" role="status">Nothing is called that.</p>` : nothing}
    </dialog>`;
  }

  /** Commands with all words of the text in them, those that begin with it first. */
  #found(): Command[] {
    const text = this.text.trim().toLowerCase();
    const words = text.split(/\s+/);
    const fitting = this.commands.all.filter((command) => {
      const name = `${command.name} ${command.group}`.toLowerCase();
      return words.every((word) => name.includes(word));
    });
    const first = (command: Command) => (command.name.toLowerCase().startsWith(text) ? 0 : 1);
    return fitting.sort((a, b) => first(a) - first(b)).slice(0, SHOWN);
  }

  #typed(): void {
    this.text = this.input.value;
    this.place = 0;
  }

  #pressed(event: KeyboardEvent, found: readonly Command[]): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) {
      event.preventDefault();
      this.place = (this.place + step + found.length) % found.length;
    }
    const chosen = found[this.place];
    if (event.key === "Enter" && chosen) {
      event.preventDefault();
      this.#run(chosen);
    }
  }

  #run(command: Command): void {
    this.dialog.close();
    command.run();
  }

  #clicked(event: MouseEvent): void {
    if (event.target === this.dialog) this.dialog.close();
  }

  /** The browser tells of a closing late: by then the dialog may be open again. */
  #closed(): void {
    this.open = this.dialog.open;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "broker-palette": BrokerPalette;
  }
}
