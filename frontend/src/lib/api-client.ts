/** The HTTP API, typed by its own OpenAPI document. */

import createClient, { type Client, type Middleware } from "openapi-fetch";
import type { components, paths } from "../generated/api";

type Schemas = components["schemas"];
export type Order = Schemas["ToldOrder"];
export type Trade = Schemas["ToldTrade"];
export type TapeTrade = Schemas["TapeTrade"];
export type Level = Schemas["Level"];
export type Book = Schemas["Book"];
export type Catalogue = Schemas["ToldCatalogue"];
export type Cluster = Schemas["Cluster"];
export type Node = Schemas["Node"];
export type Provider = Schemas["Provider"];
export type Preview = Schemas["Preview"];
export type Revenue = Schemas["Revenue"];
export type Dashboard = Schemas["Dashboard"];
export type Figure = Schemas["Figure"];
export type Utilization = Schemas["Utilization"];
export type Me = Schemas["Me"];
export type Explanation = Schemas["Explanation"];
export type PriceIndex = Schemas["PriceIndex"];
export type GpuReading = Schemas["ToldGpuReading"];
export type NodeReading = Schemas["ToldNodeReading"];
export type OrderDraft = Schemas["PlaceOrderBody"];

const WRITTEN_DOWN = 202;

export interface FieldError {
  pointer: string;
  value: unknown;
  rule: string;
}

/** A refusal of the API, with what is wrong in words and each offending field. */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly errors: readonly FieldError[] = [],
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(errors.length ? errors.map((each) => `${each.pointer.slice(1)}: ${each.rule}`).join("; ") : detail);
  }

  /** The rule of each offending field, by its name. */
  get fields(): Record<string, string> {
    return Object.fromEntries(this.errors.map((each) => [each.pointer.slice(1).split("/")[0], each.rule]));
  }
}

/** The API as somebody with a key calls it. */
export class Api {
  readonly #client: Client<paths>;
  readonly #key: string;
  readonly #onUnauthorized: () => void;

  constructor(key: string, onUnauthorized: () => void = () => {}) {
    this.#key = key;
    this.#onUnauthorized = onUnauthorized;
    this.#client = createClient<paths>({ baseUrl: location.origin });
    this.#client.use(this.#authorized());
  }

  /** The typed client; its answers go through `told`. */
  get http(): Client<paths> {
    return this.#client;
  }

  /** A table of the API as CSV. */
  async csv(path: string): Promise<Blob> {
    return (await this.#got(path, "text/csv")).blob();
  }

  async #got(path: string, accept: string): Promise<Response> {
    const headers = { Authorization: `Bearer ${this.#key}`, Accept: accept };
    const response = await reached(fetch(path, { headers }));
    if (!response.ok) throw await problemOf(response);
    return response;
  }

  #authorized(): Middleware {
    return {
      onRequest: ({ request }) => {
        request.headers.set("Authorization", `Bearer ${this.#key}`);
        return request;
      },
      onResponse: ({ response }) => {
        if (response.status === 401) this.#onUnauthorized();
        return response;
      },
    };
  }
}

/** The body of an answer; tables as text are for `csv`.
 *
 * @throws ApiProblem if it is a refusal, or nothing answered.
 */
export async function told<T>(
  asked: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<Exclude<T, string>> {
  const { data, error, response } = await reached(asked);
  if (error !== undefined || data === undefined) throw problemIn(error, response);
  return data as Exclude<T, string>;
}

/** Whether what was asked for is done; if not, it is written down, and its effect is to come.
 *
 * @throws ApiProblem as `told` does.
 */
export async function done(
  asked: Promise<{ data?: unknown; error?: unknown; response: Response }>,
): Promise<boolean> {
  await told(asked);
  return (await asked).response.status !== WRITTEN_DOWN;
}

async function reached<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch {
    throw new ApiProblem(0, "UNREACHABLE", "The market does not answer. Is it running, and are you online?");
  }
}

async function problemOf(response: Response): Promise<ApiProblem> {
  const body: unknown = await response.json().catch(() => undefined);
  return problemIn(body, response);
}

function problemIn(body: unknown, response: Response): ApiProblem {
  const known = (typeof body === "object" && body !== null ? body : {}) as Partial<Schemas["Problem"]>;
  const seconds = Number(response.headers.get("Retry-After"));
  return new ApiProblem(
    response.status,
    known.code ?? "UNREADABLE",
    known.detail ?? `The market answered ${response.status} without a reason.`,
    (known.errors as FieldError[] | undefined) ?? [],
    seconds > 0 ? seconds : null,
  );
}
