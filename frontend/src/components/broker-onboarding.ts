import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { type App, wordsOf } from "../app";
import { ApiProblem, type Catalogue, type Cluster, type Provider, told } from "../lib/api-client";
import { type Form, hint, wrong } from "../lib/validators";
import { controls } from "../styles/controls";
import { field } from "./field";

export type Step = "provider" | "cluster" | "node";

interface Enrolled {
  readonly nodeId: string;
  readonly hostname: string;
  readonly token: string;
}

/** The way onto the market: provider, cluster, node, and what to run on it. Fires `registered`. */
@customElement("broker-onboarding")
export class BrokerOnboarding extends LitElement {
  static override styles = [
    controls,
    css`
      form,
      .stack {
        display: grid;
        gap: 14px;
      }
      pre {
        margin: 0;
        background: var(--sunken);
        border: 1px solid var(--line);
        border-radius: 8px;
        padding: 10px 12px;
        font: 12px/1.5 var(--mono);
        overflow: auto;
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
      .command {
        display: grid;
        gap: 6px;
      }
      .command > div {
        display: flex;
        justify-content: space-between;
        align-items: center;
      }
    `,
  ];

  @property({ attribute: false }) app!: App;
  @property() step: Step = "cluster";
  @property({ attribute: false }) provider: Provider | null = null;
  @property({ attribute: false }) cluster: Cluster | null = null;
  @property({ attribute: false }) catalogue: Catalogue | null = null;
  @state() private faults: Record<string, string> = {};
  @state() private fault = "";
  @state() private busy = false;
  @state() private enrolled: Enrolled | null = null;
  @state() private copied = "";

  override render(): TemplateResult {
    if (this.enrolled) return this.#commands(this.enrolled);
    if (this.step === "provider") return this.#providerForm();
    return this.step === "cluster" ? this.#clusterForm() : this.#nodeForm();
  }

  #providerForm(): TemplateResult {
    return this.#form(
      "Register",
      this.#addProvider,
      html`<div class="fields">
          ${this.#input("CreateProviderBody", "name", "Name on the market")}
          ${this.#input("CreateProviderBody", "company", "Company")} ${this.#input(null, "vat", "VAT or company number")}
        </div>
        <p class="hint">
          An administrator checks who you are. Until then you may add clusters and nodes; selling starts when you are
          verified.
        </p>`,
    );
  }

  #clusterForm(): TemplateResult {
    return this.#form(
      "Add cluster",
      this.#addCluster,
      html`<div class="fields">
        ${this.#input("CreateClusterBody", "name", "Name")}
        <label
          >Region
          <select name="region">
            ${(this.catalogue?.regions ?? []).map((region) => html`<option>${region}</option>`)}
          </select>
        </label>
      </div>`,
    );
  }

  #nodeForm(): TemplateResult {
    return this.#form(
      "Register node",
      this.#addNode,
      html`<div class="fields">
        ${this.#input("CreateNodeBody", "hostname", "Hostname")} ${this.#input("CreateNodeBody", "ip_address", "Address")}
        <label
          >GPU type
          <select name="model">
            ${(this.catalogue?.gpu_types ?? []).map((type) => html`<option>${type}</option>`)}
          </select>
        </label>
        ${this.#input(null, "count", "GPUs", "8")} ${this.#input("GpuSpec", "vram_gb", "Memory each, GB", "80")}
        ${this.#input("GpuSpec", "cuda_version", "CUDA", "12.4")}
      </div>`,
    );
  }

  #form(
    words: string,
    send: (sent: Record<string, string>) => Promise<void>,
    inside: TemplateResult,
  ): TemplateResult {
    return html`<form novalidate @submit=${(event: SubmitEvent) => this.#submitted(event, send)}>
      ${inside}
      <p class="fault" role="alert">${this.fault || nothing}</p>
      <div class="actions"><button class="primary" type="submit" ?disabled=${this.busy}>${words}</button></div>
    </form>`;
  }

  #input(form: Form | null, name: string, words: string, value = ""): TemplateResult {
    const fault = this.faults[name] ?? "";
    const control = html`<input
      id=${name}
      name=${name}
      autocomplete="off"
      value=${value}
      aria-invalid=${fault ? "true" : "false"}
      aria-describedby="${name}-fault"
      title=${form ? hint(form, name) : nothing}
    />`;
    return field(name, words, control, fault);
  }

  async #submitted(event: SubmitEvent, send: (sent: Record<string, string>) => Promise<void>): Promise<void> {
    event.preventDefault();
    const sent = Object.fromEntries(
      [...new FormData(event.target as HTMLFormElement)].map(([name, value]) => [name, String(value).trim()]),
    );
    this.busy = true;
    this.fault = "";
    this.faults = {};
    try {
      await send(sent);
    } catch (error) {
      if (error instanceof ApiProblem && error.errors.length) this.faults = error.fields;
      this.fault = wordsOf(error);
    } finally {
      this.busy = false;
    }
  }

  /** Whether the fields obey their rules; those that do not are shown. */
  #obey(faults: Record<string, string>): boolean {
    this.faults = faults;
    return !Object.keys(faults).length;
  }

  readonly #addProvider = async (sent: Record<string, string>): Promise<void> => {
    const { name = "", company = "", vat = "" } = sent;
    if (!this.#obey(wrong("CreateProviderBody", { name, company }))) return;
    const body = { name, company, kyc_data: vat ? { vat } : {} };
    await told(this.app.api.http.POST("/api/v2/providers", { body }));
    this.#registered("You are registered; an administrator will check who you are.");
  };

  readonly #addCluster = async (sent: Record<string, string>): Promise<void> => {
    const { name = "", region = "" } = sent;
    if (!this.provider || !this.#obey(wrong("CreateClusterBody", { name }))) return;
    const params = { path: { provider_id: this.provider.id } };
    const body = { name, region, specs: {} };
    await told(this.app.api.http.POST("/api/v2/providers/{provider_id}/clusters", { params, body }));
    this.#registered(`Cluster ${name} is added.`);
  };

  readonly #addNode = async (sent: Record<string, string>): Promise<void> => {
    const { hostname = "", ip_address = "", model = "", count = "", vram_gb = "", cuda_version = "" } = sent;
    const number =
      /^\d+$/.test(count) && Number(count) >= 1 && Number(count) <= 1_024 ? {} : { count: "1 to 1024" };
    const faults = {
      ...wrong("CreateNodeBody", { hostname, ip_address }),
      ...wrong("GpuSpec", { vram_gb, cuda_version }),
    };
    if (!this.cluster || !this.#obey({ ...faults, ...number })) return;
    const gpu_specs = Array.from({ length: Number(count) }, (_, index) => ({
      model,
      vram_gb: Number(vram_gb),
      cuda_version,
      pcie_slot: `slot ${index}`,
    }));
    const params = { path: { cluster_id: this.cluster.id } };
    const body = { hostname, ip_address, gpu_specs };
    const made = await told(this.app.api.http.POST("/api/v2/clusters/{cluster_id}/nodes", { params, body }));
    this.enrolled = { nodeId: made.node_id, hostname, token: made.onboarding_token };
    this.#registered(`Node ${hostname} is registered.`);
  };

  #registered(words: string): void {
    this.app.notices.say(words, "good");
    this.dispatchEvent(new CustomEvent("registered", { detail: this.step }));
  }

  // What to run on the node

  #commands({ nodeId, hostname, token }: Enrolled): TemplateResult {
    return html`<div class="stack">
      <p>
        <b>${hostname}</b> is on the market. To have it report its health, run this on it: first the exchange of its
        onboarding token, which works once and is shown this once, for the node's own key.
      </p>
      ${this.#command("1. Enrol", enrolment(nodeId, token))}
      ${this.#command("2. Report, with the key that enrolling tells", reporting(nodeId))}
      <div class="actions">
        <button @click=${() => (this.enrolled = null)}>Register another</button>
      </div>
    </div>`;
  }

  #command(words: string, command: string): TemplateResult {
    return html`<div class="command">
      <div>
        <h3>${words}</h3>
        <button @click=${() => this.#copy(command)}>${this.copied === command ? "Copied" : "Copy"}</button>
      </div>
      <pre tabindex="0">${command}</pre>
    </div>`;
  }

  async #copy(command: string): Promise<void> {
    await navigator.clipboard.writeText(command);
    this.copied = command;
  }
}

function enrolment(nodeId: string, token: string): string {
  return `GPUBROKER_API_URL=${location.origin} gpubroker agent enrol ${nodeId} ${token}`;
}

function reporting(nodeId: string): string {
  return `GPUBROKER_API_URL=${location.origin} GPUBROKER_API_KEY=KEY gpubroker agent telemetry ${nodeId}`;
}

declare global {
  interface HTMLElementTagNameMap {
    "broker-onboarding": BrokerOnboarding;
  }
}
