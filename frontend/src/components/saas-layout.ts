import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { App, Command } from "../app";
import { span } from "../lib/formatters";
import { routesFor } from "../lib/routes";
import { applied, chosenTheme, nextTheme, type Theme } from "../lib/theme";
import { Watching } from "../live/store";
import { controls } from "../styles/controls";
import type { BrokerPalette } from "./broker-palette";
import "./broker-palette";
import "./saas-status-dot";

const THEME_WORDS: Record<Theme, string> = {
  system: "Theme: system",
  light: "Theme: light",
  dark: "Theme: dark",
};
const FEED_WORDS = {
  live: "Live",
  stale: "Stale",
  connecting: "Connecting",
  refused: "Refused",
  closed: "Closed",
};

/** The frame of every view: where one can go, how fresh what is shown is, who is signed in. */
@customElement("saas-layout")
export class SaasLayout extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        display: grid;
        grid-template-rows: 48px minmax(0, 1fr);
        height: 100%;
      }
      .bar {
        display: flex;
        align-items: center;
        gap: 14px;
        padding: 0 14px;
        background: var(--surface);
        border-bottom: 1px solid var(--line);
        min-width: 0;
      }
      .brand {
        display: flex;
        align-items: center;
        gap: 8px;
        font-weight: 700;
        font-size: 14px;
        letter-spacing: -0.01em;
      }
      .brand svg {
        width: 22px;
        height: 22px;
      }
      nav {
        display: flex;
        align-self: stretch;
        gap: 2px;
      }
      nav a {
        display: flex;
        align-items: center;
        padding: 0 10px;
        color: var(--ink-2);
        text-decoration: none;
        font-weight: 550;
        white-space: nowrap;
        border-bottom: 2px solid transparent;
        border-top: 2px solid transparent;
      }
      nav a[aria-current] {
        color: var(--ink);
        border-bottom-color: var(--accent);
      }
      nav a:hover {
        color: var(--ink);
      }
      .tools {
        margin-left: auto;
        display: flex;
        align-items: center;
        gap: 8px;
        min-width: 0;
      }
      .feed {
        width: 116px;
        justify-content: center;
        font-variant-numeric: tabular-nums;
        padding: 3px 8px;
      }
      .search {
        color: var(--ink-2);
        display: flex;
        align-items: center;
        gap: 8px;
        border-color: var(--line);
        background: var(--sunken);
      }
      kbd {
        font: 11px var(--sans);
        border: 1px solid var(--line);
        background: var(--surface);
        border-radius: 4px;
        padding: 0 5px;
        color: var(--ink-2);
      }
      .who {
        color: var(--ink-2);
        max-width: 160px;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      main {
        min-height: 0;
        overflow: auto;
        position: relative;
      }
      .skip {
        position: absolute;
        left: 8px;
        top: -60px;
        z-index: 10;
        background: var(--surface);
        padding: 8px 12px;
        border: 1px solid var(--accent);
        border-radius: 6px;
      }
      .skip:focus {
        top: 6px;
      }
      .notices {
        position: fixed;
        right: 16px;
        bottom: 16px;
        display: flex;
        flex-direction: column;
        gap: 8px;
        z-index: 20;
        width: min(400px, calc(100vw - 32px));
      }
      .notice {
        display: flex;
        gap: 10px;
        align-items: start;
        background: var(--raised);
        border: 1px solid var(--line);
        border-left: 3px solid var(--accent);
        border-radius: 8px;
        padding: 8px 6px 8px 12px;
        box-shadow: 0 8px 28px var(--shade);
      }
      .notice.good {
        border-left-color: var(--bid);
      }
      .notice.bad {
        border-left-color: var(--ask);
      }
      .notice span {
        flex: 1;
        overflow-wrap: anywhere;
        padding-top: 2px;
      }
      .notice button {
        border: 0;
        background: none;
        min-height: 24px;
        padding: 0 8px;
        color: var(--ink-2);
      }
      @media (max-width: 900px) {
        .who,
        .brand span,
        .search span {
          display: none;
        }
        .bar {
          gap: 6px;
          padding: 0 8px;
          overflow-x: auto;
        }
      }
    `,
  ];

  @property({ attribute: false }) app!: App;
  /** The path of the view that is shown. */
  @property() path = "";
  @state() private theme: Theme = chosenTheme();
  @query("broker-palette") private readonly palette!: BrokerPalette;
  @state() private now = Date.now();
  #timer: ReturnType<typeof setInterval> | undefined;
  #staleSince: number | null = null;

  constructor() {
    super();
    new Watching(this, () => [this.app.feeds, this.app.notices]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("keydown", this.#pressed);
    this.#timer = setInterval(() => {
      if (this.app.feeds.state !== "live") this.now = Date.now();
    }, 1_000);
    this.app.commands.offer(this, () => this.#commands());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("keydown", this.#pressed);
    clearInterval(this.#timer);
    this.app.commands.withdraw(this);
  }

  override render(): TemplateResult {
    const routes = routesFor(this.app.session.me);
    return html`<header class="bar">
        <button class="skip" @click=${this.#skip}>Skip to content</button>
        <div class="brand">${logo}<span>GPUBroker</span></div>
        <nav aria-label="Views">
          ${routes.map(
            (route) =>
              html`<a href=${route.path} aria-current=${route.path === this.path ? "page" : nothing} @click=${this.#go}
                >${route.name}</a
              >`,
          )}
        </nav>
        <div class="tools">
          ${this.#freshness()}
          <button class="search" @click=${() => this.palette.show()} aria-keyshortcuts="Control+K">
            <span>Commands</span><kbd>Ctrl K</kbd>
          </button>
          <button @click=${this.#switchTheme} aria-label=${THEME_WORDS[this.theme]} title=${THEME_WORDS[this.theme]}>
            ${this.theme === "dark" ? "☾" : this.theme === "light" ? "☀" : "◐"}
          </button>
          <span class="who" title=${this.app.session.me.account_id}>${this.app.session.me.name}</span>
          <button @click=${this.app.signOut}>Sign out</button>
        </div>
      </header>
      <main id="main" tabindex="-1"><slot></slot></main>
      <div class="notices" role="status" aria-live="polite">
        ${repeat(
          this.app.notices.items,
          (notice) => notice.id,
          (notice) =>
            html`<div class="notice ${notice.kind}">
              <span>${notice.text}</span>
              <button aria-label="Dismiss" @click=${() => this.app.notices.dismiss(notice.id)}>×</button>
            </div>`,
        )}
      </div>
      <broker-palette .commands=${this.app.commands}></broker-palette>`;
  }

  /** Whether what is shown is of now; if not, since when and why. */
  #freshness(): TemplateResult {
    const { state, reason } = this.app.feeds;
    this.#staleSince = state === "stale" ? (this.#staleSince ?? Date.now()) : null;
    const since = this.#staleSince === null ? "" : ` ${span(this.now - this.#staleSince)}`;
    const kind = state === "live" ? "good" : state === "refused" ? "bad" : "warn";
    return html`<span class="badge feed ${kind}" title=${reason} data-feed=${state} aria-hidden="true">
        <saas-status-dot status=${state} word=${FEED_WORDS[state] + since}></saas-status-dot>
      </span>
      <span class="visually-hidden" role="status">Feeds: ${FEED_WORDS[state]}. ${state === "live" ? "" : reason}</span>`;
  }

  #commands(): Command[] {
    const go = routesFor(this.app.session.me).map((route) => ({
      name: `Go to ${route.name}`,
      group: "View",
      run: () => this.app.navigate(route.path),
    }));
    const theme = { name: "Switch theme", group: "Page", run: () => this.#switchTheme() };
    return [...go, theme, { name: "Sign out", group: "Page", run: this.app.signOut }];
  }

  readonly #pressed = (event: KeyboardEvent): void => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      this.palette.toggle();
    }
  };

  #go(event: MouseEvent): void {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.app.navigate(new URL((event.currentTarget as HTMLAnchorElement).href).pathname);
  }

  #skip(): void {
    this.renderRoot.querySelector("main")?.focus();
  }

  #switchTheme(): void {
    this.theme = applied(nextTheme(this.theme));
  }
}

const logo = html`<svg viewBox="0 0 32 32" aria-hidden="true">
  <rect width="32" height="32" rx="7" fill="#0f5bd0" />
  <g fill="#fff">
    <rect x="7" y="17" width="4" height="8" rx="1" />
    <rect x="14" y="11" width="4" height="14" rx="1" />
    <rect x="21" y="7" width="4" height="18" rx="1" />
  </g>
</svg>`;

declare global {
  interface HTMLElementTagNameMap {
    "saas-layout": SaasLayout;
  }
}
