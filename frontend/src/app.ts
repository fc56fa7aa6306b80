/** What every view is given: who is signed in, the API, the feeds, and the page around it. */

import { type Api, ApiProblem, type Catalogue, told } from "./lib/api-client";
import type { Session } from "./lib/identity";
import type { Feeds } from "./live/feeds";
import { Store } from "./live/store";

const NOTICE_MS = 7_000;

export interface Notice {
  readonly id: number;
  readonly kind: "good" | "bad" | "plain";
  readonly text: string;
}

/** Something that can be done, by name: what the command palette offers. */
export interface Command {
  readonly name: string;
  readonly group: string;
  readonly run: () => void;
}

/** What just happened, told briefly at the page's edge and to screen readers. */
export class Notices extends Store {
  items: Notice[] = [];
  #nextId = 1;

  say(text: string, kind: Notice["kind"] = "plain"): void {
    const notice = { id: this.#nextId++, kind, text };
    this.items = [...this.items.slice(-3), notice];
    setTimeout(() => this.dismiss(notice.id), NOTICE_MS);
    this.changed();
  }

  /** Say why something failed. */
  fail(error: unknown): void {
    this.say(wordsOf(error), "bad");
  }

  dismiss(id: number): void {
    this.items = this.items.filter((notice) => notice.id !== id);
    this.changed();
  }
}

/** Commands of the views that are shown. */
export class Commands extends Store {
  readonly #sources = new Map<object, () => readonly Command[]>();

  offer(owner: object, commands: () => readonly Command[]): void {
    this.#sources.set(owner, commands);
  }

  withdraw(owner: object): void {
    this.#sources.delete(owner);
  }

  get all(): Command[] {
    return [...this.#sources.values()].flatMap((commands) => commands());
  }
}

export interface App {
  readonly session: Session;
  readonly api: Api;
  readonly feeds: Feeds;
  readonly notices: Notices;
  readonly commands: Commands;
  readonly navigate: (path: string) => void;
  readonly signOut: () => void;
}

let catalogue: Promise<Catalogue> | null = null;

/** What can be traded: asked for once, as it changes hardly ever. */
export function catalogueOf(api: Api): Promise<Catalogue> {
  catalogue ??= told(api.http.GET("/api/v2/market/catalogue")).catch((error: unknown) => {
    catalogue = null;
    throw error;
  });
  return catalogue;
}

/** An error in words for people. */
export function wordsOf(error: unknown): string {
  if (error instanceof ApiProblem && error.retryAfterSeconds) {
    return `${error.message} Try again in ${error.retryAfterSeconds} s.`;
  }
  return error instanceof Error ? error.message : String(error);
}
