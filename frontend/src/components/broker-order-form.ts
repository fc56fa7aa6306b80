import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { type App, wordsOf } from "../app";
import {
  ApiProblem,
  type Catalogue,
  type Order,
  type OrderDraft,
  type Preview,
  told,
} from "../lib/api-client";
import { count, hours, money, price } from "../lib/formatters";
import { hint, wrong } from "../lib/validators";
import { isActive } from "../live/orders";
import { controls } from "../styles/controls";
import { field } from "./field";

type Side = "bid" | "ask";
type Fields = Record<FieldName, string>;
type FieldName =
  | "gpu_type"
  | "product"
  | "region"
  | "quantity"
  | "price"
  | "duration_hours"
  | "time_in_force";

const PREVIEW_MS = 250;
const PREVIEW_AGAIN_MS = 2_500;
const WAIT_SECONDS = 4;
const SETTLE_MS = 250;
const TOO_OFTEN = 429;
const LIFETIMES = {
  GTD: "24 hours",
  GTC: "Until cancelled",
  IOC: "Now, cancel the rest",
  FOK: "All now or nothing",
};
const TITLES: Record<FieldName, string> = {
  gpu_type: "GPU type",
  product: "Product",
  region: "Region",
  quantity: "GPUs",
  price: "Limit ($/GPU-hour)",
  duration_hours: "Hours",
  time_in_force: "Lifetime",
};

/** An order to place, with what it would do now. Fires `placed` with the order, and `wanted` with the book. */
@customElement("broker-order-form")
export class BrokerOrderForm extends LitElement {
  static override styles = [
    controls,
    css`
      form {
        display: grid;
        gap: 12px;
      }
      .preview {
        background: var(--sunken);
        border-radius: 8px;
        padding: 10px 12px;
        min-height: 96px;
        display: grid;
        gap: 8px;
        align-content: start;
      }
      .preview dl {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(92px, 1fr));
        gap: 8px;
      }
      .preview dt {
        font-size: 11.5px;
        color: var(--ink-3);
      }
      .preview dd {
        font-weight: 650;
        font-size: 14px;
        font-variant-numeric: tabular-nums;
      }
      .fills {
        font-size: 12px;
        color: var(--ink-2);
        font-variant-numeric: tabular-nums;
      }
    `,
  ];

  @property({ attribute: false }) app!: App;
  @property() side: Side = "bid";
  @property({ attribute: false }) catalogue: Catalogue | null = null;
  /** What the form begins with. */
  @property({ attribute: false }) start: Partial<Fields> = {};
  @state() private fields: Fields = {
    gpu_type: "",
    product: "ondemand",
    region: "",
    quantity: "1",
    price: "",
    duration_hours: "24",
    time_in_force: "GTD",
  };
  @state() private touched: ReadonlySet<string> = new Set();
  @state() private refused: Record<string, string> = {};
  @state() private fault = "";
  @state() private preview: Preview | null = null;
  @state() private busy = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked = 0;
  /** The key of an order whose outcome is not known, and its draft. */
  #unknown: { draft: string; key: string } | null = null;

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("side") && this.side === "ask") {
      this.#set({ region: this.catalogue?.regions[0] ?? "", time_in_force: "GTC" });
    }
    if (changed.has("start")) this.#set(this.start);
    if (changed.has("catalogue") && this.catalogue && !this.fields.gpu_type) {
      this.#set({ gpu_type: this.catalogue.gpu_types[0] ?? "" });
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  focusFirst(): void {
    this.renderRoot.querySelector<HTMLElement>("[name=quantity]")?.focus();
  }

  /** Take a price that was chosen elsewhere. */
  usePrice(value: string): void {
    this.#set({ price: value });
  }

  override render(): TemplateResult {
    const catalogue = this.catalogue;
    const regions = [
      ...(this.side === "bid" ? [["", "Any region"]] : []),
      ...(catalogue?.regions ?? []).map((each) => [each, each]),
    ];
    return html`<form @submit=${this.#submitted} novalidate>
      <div class="fields">
        ${this.#select(
          "gpu_type",
          (catalogue?.gpu_types ?? []).map((each) => [each, each]),
        )}
        ${this.#select(
          "product",
          (catalogue?.products ?? []).map((each) => [each, each]),
        )}
        ${this.#select("region", regions)} ${this.#input("quantity", "numeric")} ${this.#input("price", "decimal")}
        ${this.#input("duration_hours", "numeric")} ${this.#select("time_in_force", Object.entries(LIFETIMES))}
      </div>
      <div class="preview" aria-live="polite">${this.#shown()}</div>
      <p class="fault" role="alert">${this.fault || nothing}</p>
      <div class="actions">
        <slot></slot>
        <button class=${this.side === "bid" ? "buy" : "sell"} type="submit" ?disabled=${this.busy}>
          ${this.busy ? "Placing…" : this.side === "bid" ? "Place bid" : "List as ask"}
        </button>
      </div>
    </form>`;
  }

  #select(name: FieldName, options: readonly (readonly string[])[]): TemplateResult {
    const fault = this.#faultOf(name);
    const control = html`<select id=${name} name=${name} aria-describedby="${name}-fault" @change=${this.#typed}>
      ${options.map(([value = "", words]) => html`<option value=${value} .selected=${value === this.fields[name]}>${words}</option>`)}
    </select>`;
    return field(name, TITLES[name], control, fault);
  }

  #input(name: FieldName, mode: "numeric" | "decimal"): TemplateResult {
    const fault = this.#faultOf(name);
    const control = html`<input
      id=${name}
      name=${name}
      inputmode=${mode}
      autocomplete="off"
      .value=${this.fields[name]}
      aria-invalid=${fault ? "true" : "false"}
      aria-describedby="${name}-fault"
      title=${hint("PlaceOrderBody", name)}
      @input=${this.#typed}
    />`;
    return field(name, TITLES[name], control, fault);
  }

  #faultOf(name: FieldName): string {
    if (this.refused[name]) return this.refused[name];
    return this.touched.has(name) && this.#wrong[name] ? hint("PlaceOrderBody", name) : "";
  }

  get #wrong(): Record<string, string> {
    const { gpu_type, quantity, price, duration_hours } = this.fields;
    return wrong("PlaceOrderBody", { gpu_type, quantity, price, duration_hours });
  }

  /** What would happen, or why nobody can tell. */
  #shown(): TemplateResult {
    const { preview } = this;
    if (!preview)
      return html`<p class="quiet">Fill in ${this.side === "bid" ? "what you want and at most pay" : "what you offer and at least get"}: here you see what would happen now.</p>`;
    if (preview.refused) return html`<p class="ask">The book would refuse it: ${preview.refused}</p>`;
    const bid = this.side === "bid";
    return html`<dl>
        <div><dt>Trades now</dt><dd>${count(preview.filled)} of ${count(preview.filled + preview.resting)}</dd></div>
        <div><dt>Rests</dt><dd>${count(preview.resting)}</dd></div>
        <div><dt>Average price</dt><dd>${price(preview.avg_price)}</dd></div>
        <div><dt>${bid ? "Cost of it" : "Worth of it"}</dt><dd>${money(preview.cost)}</dd></div>
        ${preview.fee_basis_points && !bid ? html`<div><dt>Platform's fee</dt><dd>${money(preview.fee)}</dd></div>` : nothing}
      </dl>
      <p class="fills">
        ${
          preview.fills.length
            ? preview.fills.map(
                (fill, index) => html`${index ? " · " : ""}${count(fill.quantity)} at ${price(fill.price)}`,
              )
            : `Nothing trades now; it waits in the book for ${hours(Number(this.fields.duration_hours))} leases.`
        }
      </p>`;
  }

  #typed(event: Event): void {
    const { name, value } = event.target as HTMLInputElement;
    this.touched = new Set([...this.touched, name]);
    this.#set({ [name]: value });
  }

  #set(fields: Partial<Fields>): void {
    const given = Object.entries(fields).filter(([, value]) => value !== undefined);
    this.fields = { ...this.fields, ...Object.fromEntries(given) };
    this.refused = {};
    this.fault = "";
    this.#previewSoon(PREVIEW_MS);
    const { gpu_type, product } = this.fields;
    if (gpu_type) this.dispatchEvent(new CustomEvent("wanted", { detail: `${gpu_type}.${product}` }));
  }

  #previewSoon(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#previewNow(), ms);
  }

  async #previewNow(): Promise<void> {
    if (Object.keys(this.#wrong).length) {
      this.preview = null;
      return;
    }
    const turn = ++this.#asked;
    try {
      const preview = await told(this.app.api.http.POST("/api/v2/orders/preview", { body: this.#draft() }));
      if (turn === this.#asked) this.preview = preview;
    } catch (error) {
      if (turn === this.#asked) this.#refusedBy(error);
    }
    if (this.isConnected && turn === this.#asked) this.#previewSoon(PREVIEW_AGAIN_MS);
  }

  #draft(): OrderDraft {
    const { gpu_type, product, region, quantity, price, duration_hours, time_in_force } = this.fields;
    return {
      type: this.side,
      gpu_type,
      product: product as OrderDraft["product"],
      quantity: Number(quantity),
      price: price.trim(),
      duration_hours: Number(duration_hours),
      region: region || null,
      time_in_force: time_in_force as OrderDraft["time_in_force"],
    } as OrderDraft;
  }

  async #submitted(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    this.touched = new Set(Object.keys(this.fields));
    if (Object.keys(this.#wrong).length) {
      this.renderRoot.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
      return;
    }
    this.busy = true;
    try {
      this.#answered(await this.#place());
    } catch (error) {
      this.#refusedBy(error);
    } finally {
      this.busy = false;
    }
  }

  /** Place it; should the answer get lost, the same key finds the same order. */
  async #place(): Promise<Order> {
    const body = this.#draft();
    const header = { "Idempotency-Key": this.#keyOf(body), Prefer: `wait=${WAIT_SECONDS}` };
    const post = this.app.api.http.POST("/api/v2/orders", { params: { header }, body });
    const placed = await told(post).catch((error: unknown) => {
      if (isRefusal(error)) this.#unknown = null;
      throw error;
    });
    const order = "id" in placed ? placed : await this.#read(placed.order_id);
    this.#unknown = null;
    return "id" in placed && isActive(order) ? this.#settled(order) : order;
  }

  /** A draft's key: the same again while it is not known what became of it. */
  #keyOf(draft: OrderDraft): string {
    const written = JSON.stringify(draft);
    if (this.#unknown?.draft !== written) this.#unknown = { draft: written, key: crypto.randomUUID() };
    return this.#unknown.key;
  }

  /** The order a moment later: the book tells that it took it before it tells what that traded. */
  async #settled(order: Order): Promise<Order> {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    return this.#read(order.id).catch(() => order);
  }

  #read(order_id: string): Promise<Order> {
    return told(this.app.api.http.GET("/api/v2/orders/{order_id}", { params: { path: { order_id } } }));
  }

  #answered(order: Order): void {
    if (order.status === "rejected") {
      this.fault = `Refused: ${order.detail ?? order.code ?? "no reason was told"}`;
    } else {
      this.app.notices.say(outcome(order), "good");
    }
    this.dispatchEvent(new CustomEvent("placed", { detail: order, bubbles: true, composed: true }));
  }

  #refusedBy(error: unknown): void {
    this.preview = null;
    if (error instanceof ApiProblem && Object.keys(error.fields).length) this.refused = error.fields;
    else this.fault = wordsOf(error);
  }
}

/** Whether this says that there is no order; being asked too often says nothing of an earlier try. */
function isRefusal(error: unknown): boolean {
  const status = error instanceof ApiProblem ? error.status : 0;
  return status >= 400 && status < 500 && status !== TOO_OFTEN;
}

function outcome(order: Order): string {
  const what = `${order.type === "bid" ? "Bid" : "Ask"} for ${order.quantity} ${order.gpu_type}`;
  if (order.status === "filled") return `${what} filled at ${price(order.avg_price)}.`;
  if (order.status === "partial")
    return `${what}: ${order.filled_quantity} traded at ${price(order.avg_price)}, ${order.remaining} rest.`;
  if (order.status === "cancelled") return `${what} ended: ${order.reason}, ${order.filled_quantity} traded.`;
  return `${what} rests in the book at ${price(order.price)}.`;
}

declare global {
  interface HTMLElementTagNameMap {
    "broker-order-form": BrokerOrderForm;
  }
}
