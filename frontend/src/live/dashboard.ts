/** The market's key figures: no feed tells them, so they are read every ten seconds. */

import { type Api, type Dashboard, told } from "../lib/api-client";
import { Store } from "./store";

const EVERY_MS = 10_000;

export class DashboardStore extends Store {
  dashboard: Dashboard | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOpen = false;

  constructor(
    private readonly api: Api,
    private readonly failed: (error: unknown) => void,
  ) {
    super();
  }

  open(): this {
    this.#isOpen = true;
    void this.#read(true);
    return this;
  }

  close(): void {
    this.#isOpen = false;
    clearTimeout(this.#timer);
  }

  /** A failure is told once; the figures stay as they were until the next reading. */
  async #read(isFirst: boolean): Promise<void> {
    let worked = true;
    try {
      this.dashboard = await told(this.api.http.GET("/api/v2/kpi/dashboard"));
      this.changed();
    } catch (error) {
      worked = false;
      if (isFirst) this.failed(error);
    }
    if (this.#isOpen) this.#timer = setTimeout(() => void this.#read(worked), EVERY_MS);
  }
}
