/** Who is signed in. A key today; whoever else can make a session has the same interface. */

import { Api, type Me, told } from "./api-client";

const PLACE = "gpubroker.key";

export interface Session {
  readonly key: string;
  readonly me: Me;
}

/** A way to sign in: what the page asks for, and how that becomes a session. */
export interface Identity {
  /** What a form asks for. */
  readonly label: string;
  readonly explanation: string;
  /** A session from what was typed; an ApiProblem says why there is none. */
  signIn(secret: string): Promise<Session>;
  /** The session of this tab, if one is kept. */
  resume(): Promise<Session | null>;
  signOut(): void;
}

/** Signs in with an API key, which is kept for this tab alone and never put into an address. */
export class ApiKeyIdentity implements Identity {
  readonly label = "API key";
  readonly explanation =
    "It starts with gpb_ and is kept in this tab until you sign out or close it. A local market writes its first keys to .gpubroker/credentials.json.";

  async signIn(secret: string): Promise<Session> {
    const session = await sessionOf(secret);
    sessionStorage.setItem(PLACE, secret);
    return session;
  }

  async resume(): Promise<Session | null> {
    const key = sessionStorage.getItem(PLACE);
    return key === null ? null : sessionOf(key);
  }

  signOut(): void {
    sessionStorage.removeItem(PLACE);
  }
}

async function sessionOf(key: string): Promise<Session> {
  return { key, me: await told(new Api(key).http.GET("/api/v2/auth/me")) };
}
