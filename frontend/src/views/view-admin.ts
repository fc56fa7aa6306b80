import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { App, Command } from "../app";
import { wordsOf } from "../app";
import type { Plot } from "../components/broker-chart";
import { type Provider, told, type Utilization } from "../lib/api-client";
import { saved } from "../lib/download";
import { clock, count, counted, day, moment, percent, shortId } from "../lib/formatters";
import { CONTROL_PATH, ControlStore } from "../live/control";
import { DashboardStore } from "../live/dashboard";
import { Watching } from "../live/store";
import { controls } from "../styles/controls";
import "../components/broker-chart";
import "../components/broker-kpis";
import "../components/saas-status-dot";

interface Report {
  readonly name: string;
  readonly path: string;
  readonly hasDays: boolean;
}

const REPORTS: Record<string, Report> = {
  dashboard: { name: "Key figures of now", path: "/api/v2/kpi/dashboard", hasDays: false },
  utilization: { name: "Utilisation by hour", path: "/api/v2/kpi/utilization?step=hour", hasDays: true },
  "revenue-by-day": { name: "Revenue by day", path: "/api/v2/kpi/revenue?by=day", hasDays: true },
  "revenue-by-provider": {
    name: "Revenue by provider",
    path: "/api/v2/kpi/revenue?by=provider",
    hasDays: true,
  },
  "revenue-by-gpu-type": {
    name: "Revenue by GPU type",
    path: "/api/v2/kpi/revenue?by=gpu_type",
    hasDays: true,
  },
};
const STATUS_WORDS: Record<Provider["status"], string> = {
  pending_kyc: "waiting",
  verified: "verified",
  suspended: "suspended",
};
const DAY_MS = 86_400_000;
const PROVIDERS_MS = 15_000;

/** The platform: its figures, who may sell, whether everything runs, and reports of it. */
@customElement("view-admin")
export class ViewAdmin extends LitElement {
  static override styles = [
    controls,
    css`
      .admin {
        display: grid;
        gap: var(--gap);
        padding: var(--gap);
        grid-template-columns: minmax(0, 7fr) minmax(0, 5fr);
        align-items: start;
      }
      broker-kpis {
        grid-column: 1 / -1;
      }
      .column {
        display: grid;
        gap: var(--gap);
        min-width: 0;
      }
      .tall {
        max-height: 380px;
      }
      .chart {
        height: 232px;
        padding: 8px;
      }
      .chart broker-chart {
        height: 100%;
      }
      form.report {
        display: grid;
        grid-template-columns: 2fr 1fr 1fr auto;
        gap: 10px;
        align-items: end;
      }
      .health {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(150px, 1fr));
        gap: 8px 14px;
        list-style: none;
      }
      .health.jobs {
        grid-template-columns: 1fr;
      }
      .health li {
        display: flex;
        justify-content: space-between;
        gap: 8px;
      }
      h3 {
        margin: 14px 0 6px;
      }
      header select {
        width: auto;
      }
      @media (max-width: 1100px) {
        .admin {
          grid-template-columns: minmax(0, 1fr);
        }
        form.report {
          grid-template-columns: 1fr 1fr;
        }
      }
    `,
  ];

  @property({ attribute: false }) app!: App;
  @state() private providers: readonly Provider[] | null = null;
  @state() private status: Provider["status"] | "" = "pending_kyc";
  @state() private utilization: Utilization | null = null;
  @state() private report = "revenue-by-day";
  @state() private fault = "";
  @state() private busy = false;
  private figures!: DashboardStore;
  private control!: ControlStore;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor() {
    super();
    new Watching(this, () => [this.figures, this.control, this.app.feeds]);
  }

  override connectedCallback(): void {
    this.figures = new DashboardStore(this.app.api, (error) => this.app.notices.fail(error)).open();
    this.control = new ControlStore(this.app.feeds).open();
    super.connectedCallback();
    this.app.commands.offer(this, () => this.#commands());
    this.#timer = setInterval(() => void this.#loadProviders(), PROVIDERS_MS);
    void this.#begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
    this.figures.close();
    this.control.close();
    this.app.commands.withdraw(this);
  }

  override render(): TemplateResult {
    return html`<div class="admin">
      <h1 class="visually-hidden">Administration</h1>
      <broker-kpis .dashboard=${this.figures.dashboard} revenue></broker-kpis>
      <div class="column">${this.#providersPanel()} ${this.#utilizationPanel()} ${this.#booksPanel()}</div>
      <div class="column">${this.#reportsPanel()} ${this.#healthPanel()} ${this.#auditPanel()}</div>
    </div>`;
  }

  async #begin(): Promise<void> {
    await Promise.all([this.#loadProviders(), this.#loadUtilization()]);
    await this.updateComplete;
    performance.mark("usable");
  }

  // Providers

  #providersPanel(): TemplateResult {
    return html`<section class="panel" aria-label="Providers">
      <header>
        <h2>Providers</h2>
        <div class="end">
          <select aria-label="Status" @change=${this.#filtered}>
            <option value="pending_kyc">Waiting for verification</option>
            <option value="verified">Verified</option>
            <option value="suspended">Suspended</option>
            <option value="">All</option>
          </select>
        </div>
      </header>
      <div class="scroll tall" tabindex="0" role="region" aria-label="List of providers">
        <table>
          <thead>
            <tr><th scope="col">Name</th><th scope="col">Company</th><th scope="col">Status</th><th scope="col">Since</th><th scope="col"><span class="visually-hidden">Actions</span></th></tr>
          </thead>
          <tbody>
            ${repeat(
              this.providers ?? [],
              (provider) => provider.id,
              (provider) => this.#provider(provider),
            )}
          </tbody>
        </table>
        ${this.providers?.length ? nothing : html`<p class="empty">${this.providers ? "Nobody here." : "Reading providers…"}</p>`}
      </div>
    </section>`;
  }

  #provider(provider: Provider): TemplateResult {
    const kind = { pending_kyc: "warn", verified: "good", suspended: "bad" }[provider.status];
    const about = html`<span class="visually-hidden"> ${provider.name}</span>`;
    return html`<tr data-provider=${provider.id}>
      <td title=${provider.id}>${provider.name}</td>
      <td>${provider.company}</td>
      <td><span class="badge ${kind}">${STATUS_WORDS[provider.status]}</span></td>
      <td class="quiet">${moment(provider.created_at)}</td>
      <td class="right">
        ${
          provider.status === "verified"
            ? html`<button class="plain ask" @click=${() => this.#setStatus(provider, "suspended")}>Suspend${about}</button>`
            : html`<button class="plain" @click=${() => this.#setStatus(provider, "verified")}>Verify${about}</button>`
        }
      </td>
    </tr>`;
  }

  #filtered(event: Event): void {
    this.status = (event.target as HTMLSelectElement).value as Provider["status"] | "";
    void this.#loadProviders();
  }

  async #loadProviders(): Promise<void> {
    try {
      const query = { limit: 200, ...(this.status ? { status: this.status } : {}) };
      this.providers = (await told(this.app.api.http.GET("/api/v2/providers", { params: { query } }))).items;
    } catch (error) {
      this.app.notices.fail(error);
    }
  }

  async #setStatus(provider: Provider, status: "verified" | "suspended"): Promise<void> {
    try {
      const params = { path: { provider_id: provider.id } };
      await told(this.app.api.http.PATCH("/api/v2/providers/{provider_id}", { params, body: { status } }));
      this.app.notices.say(`${provider.name} is ${status}.`, "good");
    } catch (error) {
      this.app.notices.fail(error);
    }
    await this.#loadProviders();
  }

  // Utilisation

  #utilizationPanel(): TemplateResult {
    const items = this.utilization?.items ?? [];
    return html`<section class="panel" aria-label="Utilisation">
      <header><h2>GPUs leased, last 7 days</h2></header>
      <div class="chart">
        ${
          items.length
            ? html`<broker-chart .plot=${leased(items)} label="Part of all GPUs that was leased, by hour"></broker-chart>`
            : html`<p class="empty">No hour is over yet.</p>`
        }
      </div>
    </section>`;
  }

  async #loadUtilization(): Promise<void> {
    try {
      this.utilization = await told(this.app.api.http.GET("/api/v2/kpi/utilization"));
    } catch (error) {
      this.app.notices.fail(error);
    }
  }

  // Books

  #booksPanel(): TemplateResult {
    const books = this.control.system?.books ?? null;
    return html`<section class="panel" aria-label="Books">
      <header><h2>Books</h2><div class="end">${this.#staleBadge()}</div></header>
      <div class="scroll tall" tabindex="0" role="region" aria-label="List of books">
        <table>
          <thead>
            <tr><th scope="col">Book</th><th scope="col">State</th><th scope="col" class="right">Resting orders</th><th scope="col" class="right">Facts</th><th scope="col"><span class="visually-hidden">Actions</span></th></tr>
          </thead>
          <tbody>
            ${repeat(
              books ?? [],
              (book) => book.book_id,
              (book) =>
                html`<tr data-book=${book.book_id}>
                  <td>${book.book_id}</td>
                  <td><span class="badge ${book.status === "open" ? "good" : "bad"}">${book.status}</span></td>
                  <td class="right">${count(book.resting)}</td>
                  <td class="right quiet">${count(book.book_seq)}</td>
                  <td class="right">
                    <button class="plain ${book.status === "open" ? "ask" : ""}" @click=${() => this.#halt(book.book_id, book.status === "open")}>
                      ${book.status === "open" ? "Halt" : "Resume"}<span class="visually-hidden"> ${book.book_id}</span>
                    </button>
                  </td>
                </tr>`,
            )}
          </tbody>
        </table>
        ${books?.length ? nothing : html`<p class="empty">${books ? "No book has had an order yet." : "Market data cannot be asked."}</p>`}
      </div>
    </section>`;
  }

  async #halt(bookId: string, halted: boolean): Promise<void> {
    try {
      const status = await this.control.setHalted(bookId, halted);
      const words = status === "pending" ? "is on its way to the book" : "is done";
      this.app.notices.say(`${halted ? "Halting" : "Resuming"} ${bookId} ${words}.`, "good");
    } catch (error) {
      this.app.notices.fail(error);
    }
  }

  #staleBadge(): TemplateResult | typeof nothing {
    const isLive = this.app.feeds.stateOf(CONTROL_PATH) === "live";
    return isLive
      ? nothing
      : html`<span class="badge warn">${this.control.system ? "Stale" : "No feed yet"}</span>`;
  }

  // Reports

  #reportsPanel(): TemplateResult {
    const report = REPORTS[this.report];
    return html`<section class="panel" aria-label="Reports">
      <header><h2>Reports</h2></header>
      <div class="body">
        <form class="report" @submit=${this.#export}>
          <label
            >Report
            <select name="report" @change=${(event: Event) => (this.report = (event.target as HTMLSelectElement).value)}>
              ${Object.entries(REPORTS).map(([id, each]) => html`<option value=${id} .selected=${id === this.report}>${each.name}</option>`)}
            </select>
          </label>
          <label>From <input type="date" name="from" .value=${dayBefore(30)} ?disabled=${!report?.hasDays} /></label>
          <label>To, included <input type="date" name="to" .value=${dayBefore(0)} ?disabled=${!report?.hasDays} /></label>
          <button class="primary" type="submit" ?disabled=${this.busy}>Export CSV</button>
        </form>
        <p class="fault" role="alert">${this.fault || nothing}</p>
        <p class="hint">Days are in UTC. The same tables come from the API to whoever asks with Accept: text/csv.</p>
      </div>
    </section>`;
  }

  async #export(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const report = REPORTS[this.report];
    if (!report) return;
    const sent = new FormData(event.target as HTMLFormElement);
    this.busy = true;
    this.fault = "";
    try {
      const path = report.hasDays
        ? `${report.path}&${daysOf(String(sent.get("from")), String(sent.get("to")))}`
        : report.path;
      saved(await this.app.api.csv(path), `${this.report}.csv`);
      this.app.notices.say(`${report.name} is exported.`, "good");
    } catch (error) {
      this.fault = wordsOf(error);
    } finally {
      this.busy = false;
    }
  }

  // Health

  #healthPanel(): TemplateResult {
    const { system } = this.control;
    return html`<section class="panel" aria-label="System health">
      <header>
        <h2>System health</h2>
        ${system ? html`<saas-status-dot status=${system.status === "healthy" ? "good" : system.status === "down" ? "bad" : "warn"} word=${system.status}></saas-status-dot>` : nothing}
        <div class="end"><span class="quiet number">${system ? clock(system.at) : ""}</span>${this.#staleBadge()}</div>
      </header>
      <div class="body">
        ${system ? this.#parts() : html`<p class="empty">Waiting for the feeds…</p>`}
      </div>
    </section>`;
  }

  #parts(): TemplateResult {
    const { system } = this.control;
    if (!system) return html``;
    const channels = Object.entries(system.connections.channels);
    return html`<ul class="health" aria-label="Servers">
        ${Object.entries(system.dependencies).map(([name, how]) => part(name.replace("_", " "), how, how === "connected"))}
      </ul>
      <h3>Jobs</h3>
      ${
        system.jobs
          ? html`<ul class="health jobs" aria-label="Jobs">
              ${system.jobs.map((job) => part(job.name, job.state.toLowerCase(), job.state === "RUNNING"))}
            </ul>`
          : html`<p class="warn">Flink cannot be asked.</p>`
      }
      <h3>Feeds</h3>
      <p class="number">
        ${counted(system.connections.total, "connection")}: ${channels.map(([name, size]) => `${name} ${size}`).join(" · ")}
      </p>`;
  }

  #auditPanel(): TemplateResult {
    return html`<section class="panel" aria-label="Controls">
      <header><h2>Controls used</h2></header>
      <div class="scroll tall" tabindex="0" role="region" aria-label="List of controls used">
        <table>
          <tbody>
            ${this.control.audits.map(
              (audit) =>
                html`<tr>
                  <td class="quiet">${clock(audit.occurred_at)}</td>
                  <td>${audit.action.replace("_", " ")} ${audit.subject}</td>
                  <td>${audit.outcome}${audit.code ? `: ${audit.code}` : ""}</td>
                  <td class="quiet mono" title=${audit.actor}>${shortId(audit.actor)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
        ${this.control.audits.length ? nothing : html`<p class="empty">None since this page was opened.</p>`}
      </div>
    </section>`;
  }

  #commands(): Command[] {
    return Object.entries(REPORTS).map(([id, report]) => ({
      name: `Choose report ${report.name}`,
      group: "Reports",
      run: () => (this.report = id),
    }));
  }
}

function part(name: string, how: string, isGood: boolean): TemplateResult {
  return html`<li><span>${name}</span><saas-status-dot status=${isGood ? "good" : "bad"} word=${how}></saas-status-dot></li>`;
}

function leased(items: Utilization["items"]): Plot {
  return {
    kind: "lines",
    isTime: true,
    labelX: "Hour",
    showX: (seconds) => moment(new Date(seconds * 1_000).toISOString()),
    axisX: (seconds) =>
      new Date(seconds * 1_000).getHours() ? "" : day(new Date(seconds * 1_000).toISOString()),
    x: items.map((item) => Date.parse(item.at) / 1_000),
    lines: [{ label: "Leased", colour: "gauge", values: items.map((item) => item.utilization) }],
    showY: (value) => percent(value),
    range: [0, 1],
  };
}

/** The day so many days ago, in UTC. */
function dayBefore(days: number): string {
  return new Date(Date.now() - days * DAY_MS).toISOString().slice(0, 10);
}

/** The days as the API takes them, which does not include the last. */
function daysOf(from: string, to: string): string {
  const after = new Date(Date.parse(`${to}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10);
  return new URLSearchParams({ from, to: after }).toString();
}

declare global {
  interface HTMLElementTagNameMap {
    "view-admin": ViewAdmin;
  }
}
