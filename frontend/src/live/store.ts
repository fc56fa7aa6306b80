/** What live views share: state that changes often, and is shown at most once a frame. */

import type { ReactiveController, ReactiveControllerHost } from "lit";

/** State with listeners, told of any number of changes at once: before the next frame, or less often. */
export class Store {
  readonly #listeners = new Set<() => void>();
  #isWaiting = false;
  #toldAt = 0;

  /** How long nobody is told anew, in ms. */
  constructor(private readonly restMs = 0) {}

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  protected changed(): void {
    if (this.#isWaiting || !this.#listeners.size) return;
    this.#isWaiting = true;
    const rest = this.#toldAt + this.restMs - performance.now();
    if (rest > 0) setTimeout(() => requestAnimationFrame(() => this.#tell()), rest);
    else requestAnimationFrame(() => this.#tell());
  }

  #tell(): void {
    this.#isWaiting = false;
    this.#toldAt = performance.now();
    for (const listener of this.#listeners) listener();
  }
}

/** Shows a host anew when any of these stores changes, also when they become others. */
export class Watching implements ReactiveController {
  #watched: readonly Store[] = [];
  #stop: (() => void)[] = [];

  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly stores: () => readonly Store[],
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    this.#watch(this.stores());
  }

  hostUpdate(): void {
    const stores = this.stores();
    const isSame =
      stores.length === this.#watched.length && stores.every((each, place) => each === this.#watched[place]);
    if (!isSame) this.#watch(stores);
  }

  hostDisconnected(): void {
    this.#watch([]);
  }

  #watch(stores: readonly Store[]): void {
    for (const stop of this.#stop) stop();
    this.#watched = stores;
    this.#stop = stores.map((store) => store.subscribe(() => this.host.requestUpdate()));
  }
}
