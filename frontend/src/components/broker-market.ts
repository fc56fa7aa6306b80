import { css, html, LitElement, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { type App, type Command, catalogueOf } from "../app";
import { type Catalogue, told } from "../lib/api-client";
import { percent, price } from "../lib/formatters";
import { BookStore } from "../live/market";
import type { PricesStore } from "../live/prices";
import { Watching } from "../live/store";
import { controls } from "../styles/controls";
import "./broker-candles";
import "./broker-ladder";
import "./broker-tape";

const HISTORY = 500;

/** One book of the market: ladder, candles, tape. Fires `chosen` with the id of another one. */
@customElement("broker-market")
export class BrokerMarket extends LitElement {
  static override styles = [
    controls,
    css`
      :host {
        min-height: 0;
        container-type: inline-size;
      }
      .panel {
        height: 100%;
      }
      header select {
        width: auto;
        font-weight: 650;
        border-color: var(--line);
      }
      .figures {
        display: flex;
        gap: 18px;
        flex-wrap: wrap;
      }
      .figures div {
        display: flex;
        gap: 5px;
        align-items: baseline;
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
      }
      .figures dt {
        color: var(--ink-3);
        font-size: 11.5px;
      }
      .figures dd {
        font-weight: 650;
        min-width: 46px;
      }
      .parts {
        display: grid;
        grid-template-columns: minmax(230px, 270px) minmax(0, 1fr) minmax(230px, 260px);
        flex: 1;
        min-height: 0;
      }
      .parts > * {
        min-height: 0;
        min-width: 0;
      }
      .parts > * + * {
        border-left: 1px solid var(--line);
      }
      @container (max-width: 760px) {
        .parts {
          grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
          grid-template-rows: 452px 300px;
        }
        broker-candles {
          grid-column: 1 / -1;
          grid-row: 2;
          border-left: 0 !important;
          border-top: 1px solid var(--line);
        }
      }
      @container (max-width: 460px) {
        .parts {
          grid-template-columns: minmax(0, 1fr);
          grid-template-rows: 452px 300px 300px;
        }
        .parts > * + * {
          border-left: 0;
          border-top: 1px solid var(--line);
        }
      }
      .stale {
        opacity: 0.72;
      }
    `,
  ];

  @property({ attribute: false }) app!: App;
  @property({ attribute: false }) prices!: PricesStore;
  @property() bookId = "";
  @state() private catalogue: Catalogue | null = null;
  @state() private book: BookStore | null = null;
  @state() private halted = false;

  constructor() {
    super();
    new Watching(this, () => [this.prices, this.app.feeds]);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void catalogueOf(this.app.api)
      .then((catalogue) => (this.catalogue = catalogue))
      .catch((error: unknown) => this.app.notices.fail(error));
    this.app.commands.offer(this, () => this.#commands());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.book?.close();
    this.book = null;
    this.app.commands.withdraw(this);
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("bookId") && this.bookId && this.bookId !== this.book?.bookId) this.#open(this.bookId);
  }

  override render(): TemplateResult {
    const { book } = this;
    if (!book) return html`<section class="panel"><p class="empty">No book is chosen.</p></section>`;
    const [gpuType = "", product = ""] = split(this.bookId);
    const now = this.prices.of(gpuType);
    const isLive = this.app.feeds.stateOf(book.path) === "live";
    return html`<section class="panel" aria-label="Market">
      <header>
        <select aria-label="GPU type" @change=${(event: Event) => this.#choose((event.target as HTMLSelectElement).value, product)}>
          ${(this.catalogue?.gpu_types ?? [gpuType]).map((each) => html`<option .selected=${each === gpuType}>${each}</option>`)}
        </select>
        <select aria-label="Product" @change=${(event: Event) => this.#choose(gpuType, (event.target as HTMLSelectElement).value)}>
          ${(this.catalogue?.products ?? [product]).map((each) => html`<option .selected=${each === product}>${each}</option>`)}
        </select>
        <dl class="figures">
          <div><dt>Last</dt><dd>${price(book.tape.trades[0]?.price)}</dd></div>
          <div><dt>Spot</dt><dd>${price(now?.spot_price)}</dd></div>
          <div><dt>Leased</dt><dd>${percent(now?.utilization)}</dd></div>
        </dl>
        <div class="end">
          ${this.halted ? html`<span class="badge bad">Halted</span>` : ""}
          ${isLive ? "" : html`<span class="badge warn">${book.hasDepth ? "Stale" : "No feed yet"}</span>`}
        </div>
      </header>
      <div class="parts ${isLive ? "" : "stale"}">
        <broker-ladder .book=${book}></broker-ladder>
        <broker-candles .book=${book}></broker-candles>
        <broker-tape tabindex="0" role="region" aria-label="Tape" .book=${book}></broker-tape>
      </div>
    </section>`;
  }

  #open(bookId: string): void {
    this.book?.close();
    const book = new BookStore(bookId, this.app.feeds).open();
    this.book = book;
    this.halted = false;
    book.onGap = () => void this.#history(book);
    book.subscribe(() => {
      this.halted = book.status === "halted";
      this.requestUpdate();
    });
    void this.#history(book);
  }

  async #history(book: BookStore): Promise<void> {
    try {
      const params = { path: { book_id: book.bookId }, query: { limit: HISTORY } };
      const page = await told(this.app.api.http.GET("/api/v2/market/books/{book_id}/trades", { params }));
      book.addHistory(page.items);
    } catch (error) {
      this.app.notices.fail(error);
    }
  }

  #choose(gpuType: string, product: string): void {
    this.dispatchEvent(new CustomEvent("chosen", { detail: `${gpuType}.${product}` }));
  }

  #commands(): Command[] {
    const { gpu_types = [], products = [] } = this.catalogue ?? {};
    return gpu_types.flatMap((gpuType) =>
      products.map((product) => ({
        name: `Show book ${gpuType} ${product}`,
        group: "Market",
        run: () => this.#choose(gpuType, product),
      })),
    );
  }
}

/** GPU type and product of a book's id. */
export function split(bookId: string): string[] {
  const dot = bookId.lastIndexOf(".");
  return [bookId.slice(0, dot), bookId.slice(dot + 1)];
}

declare global {
  interface HTMLElementTagNameMap {
    "broker-market": BrokerMarket;
  }
}
