import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { wordsOf } from "../app";
import type { Identity } from "../lib/identity";
import { controls } from "../styles/controls";

/** Signing in. Fires `signed-in` with the session. */
@customElement("view-login")
export class ViewLogin extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: grid;
        place-items: center;
        min-height: 100vh;
        padding: 24px;
        background:
          radial-gradient(900px 420px at 50% -10%, var(--accent-soft), transparent 70%),
          var(--bg);
      }
      main {
        width: min(420px, 100%);
      }
      .brand {
        display: flex;
        align-items: center;
        gap: 10px;
        margin-bottom: 18px;
      }
      .brand svg {
        width: 36px;
        height: 36px;
      }
      .brand p {
        color: var(--ink-2);
      }
      form {
        background: var(--surface);
        border: 1px solid var(--line);
        border-radius: 12px;
        padding: 22px;
        box-shadow: 0 16px 48px var(--shade);
        display: grid;
        gap: 12px;
      }
      form input {
        min-height: 38px;
        font-family: var(--mono);
        margin-top: 4px;
      }
      form button {
        min-height: 38px;
      }
      .hint {
        overflow-wrap: anywhere;
      }
      footer {
        margin-top: 16px;
        color: var(--ink-3);
        font-size: 12px;
        text-align: center;
      }
    `,
  ];

  @property({ attribute: false }) identity!: Identity;
  /** Why nobody is signed in any more. */
  @property() trouble = "";
  @state() private busy = false;
  @query("input") private readonly input!: HTMLInputElement;

  override firstUpdated(): void {
    this.input.focus();
    performance.mark("usable");
  }

  override render(): TemplateResult {
    return html`<main>
      <div class="brand">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="7" fill="#0f5bd0" />
          <g fill="#fff">
            <rect x="7" y="17" width="4" height="8" rx="1" />
            <rect x="14" y="11" width="4" height="14" rx="1" />
            <rect x="21" y="7" width="4" height="18" rx="1" />
          </g>
        </svg>
        <div>
          <h1>GPUBroker</h1>
          <p>GPU time, traded in the open.</p>
        </div>
      </div>
      <form @submit=${this.#submitted}>
        <label for="secret"
          >${this.identity.label}
          <input
            id="secret"
            type="password"
            autocomplete="off"
            spellcheck="false"
            required
            aria-describedby="about trouble"
            aria-invalid=${this.trouble ? "true" : "false"}
          />
        </label>
        <p id="about" class="hint">${this.identity.explanation}</p>
        <p id="trouble" class="fault" role="alert">${this.trouble || nothing}</p>
        <button class="primary" type="submit" ?disabled=${this.busy}>${this.busy ? "Signing in…" : "Sign in"}</button>
      </form>
      <footer>Programs use the <a href="/docs">HTTP API</a>.</footer>
    </main>`;
  }

  async #submitted(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    this.busy = true;
    try {
      const session = await this.identity.signIn(this.input.value.trim());
      this.dispatchEvent(new CustomEvent("signed-in", { detail: session }));
    } catch (error) {
      this.trouble = wordsOf(error);
      this.input.select();
    } finally {
      this.busy = false;
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "view-login": ViewLogin;
  }
}
