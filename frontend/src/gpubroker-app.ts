import { html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { html as staticHtml, unsafeStatic } from "lit/static-html.js";
import { type App, Commands, Notices, wordsOf } from "./app";
import { Api, ApiProblem } from "./lib/api-client";
import { ApiKeyIdentity, type Identity, type Session } from "./lib/identity";
import { homeOf, LOGIN, type Route, routesFor } from "./lib/routes";
import { Feeds } from "./live/feeds";
import "./views/view-login";

/** The page: signs in, and shows the view of the address. */
@customElement("gpubroker-app")
export class GpubrokerApp extends LitElement {
  readonly #identity: Identity = new ApiKeyIdentity();
  @state() private app: App | null = null;
  @state() private route: Route | null = null;
  @state() private ready = false;
  @state() private trouble = "";

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("popstate", this.#routed);
    void this.#resume();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("popstate", this.#routed);
  }

  /** Views are in the document itself, so that its styles reach them. */
  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override render(): TemplateResult | typeof nothing {
    if (!this.ready) return nothing;
    if (!this.app) {
      return html`<view-login .identity=${this.#identity} .trouble=${this.trouble} @signed-in=${this.#signedIn}></view-login>`;
    }
    return html`<saas-layout .app=${this.app} .path=${this.route?.path ?? ""}>${this.#view(this.app)}</saas-layout>`;
  }

  #view(app: App): TemplateResult {
    if (!this.route) {
      return html`<p>This key has none of the roles that a view needs: provider, consumer or platform_admin.</p>`;
    }
    const tag = unsafeStatic(this.route.tag);
    return staticHtml`<${tag} .app=${app}></${tag}>`;
  }

  async #resume(): Promise<void> {
    try {
      const session = await this.#identity.resume();
      if (session) await this.#enter(session);
      else this.#leave();
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 401) this.#identity.signOut();
      this.#leave(wordsOf(error));
    }
    this.ready = true;
  }

  async #signedIn(event: CustomEvent<Session>): Promise<void> {
    await this.#enter(event.detail);
  }

  async #enter(session: Session): Promise<void> {
    const api = new Api(session.key, () => this.#signOut("The key is unknown, revoked or expired."));
    const feeds = new Feeds(api, session.key);
    const navigate = (path: string) => this.#navigate(path);
    const signOut = () => this.#signOut();
    const app = { session, api, feeds, notices: new Notices(), commands: new Commands(), navigate, signOut };
    const wanted = routesFor(session.me).find((route) => route.path === location.pathname);
    const route = wanted ?? homeOf(session.me) ?? null;
    await Promise.all([import("./components/saas-layout"), route?.load()]);
    void feeds.find();
    this.app = app;
    this.route = route;
    this.trouble = "";
    if (route && route.path !== location.pathname) history.replaceState(null, "", route.path);
    this.#titled();
  }

  #signOut(why = ""): void {
    this.app?.feeds.closeAll();
    this.#identity.signOut();
    this.app = null;
    this.#leave(why);
  }

  #leave(why = ""): void {
    this.trouble = why;
    if (location.pathname !== LOGIN) history.replaceState(null, "", LOGIN);
    document.title = "Sign in · GPUBroker";
  }

  #navigate(path: string): void {
    history.pushState(null, "", path);
    void this.#show();
  }

  readonly #routed = (): void => void this.#show();

  async #show(): Promise<void> {
    if (!this.app) return;
    const route = routesFor(this.app.session.me).find((each) => each.path === location.pathname);
    if (!route) return;
    await route.load();
    this.route = route;
    this.#titled();
  }

  #titled(): void {
    document.title = this.route ? `${this.route.name} · GPUBroker` : "GPUBroker";
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "gpubroker-app": GpubrokerApp;
  }
}
