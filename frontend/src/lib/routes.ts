/** The page's views and where they are; the API serves the page at these paths (query_api/page.py). */

import type { Me } from "./api-client";

export interface Route {
  readonly path: string;
  readonly name: string;
  /** The role that its data needs. */
  readonly role: Me["roles"][number];
  readonly load: () => Promise<unknown>;
  readonly tag: string;
}

export const LOGIN = "/login";

export const ROUTES: readonly Route[] = [
  {
    path: "/tower",
    name: "Control tower",
    role: "provider",
    load: () => import("../views/view-broker-setup"),
    tag: "view-broker-setup",
  },
  {
    path: "/trade",
    name: "Trade",
    role: "consumer",
    load: () => import("../views/view-trade"),
    tag: "view-trade",
  },
  {
    path: "/admin",
    name: "Administration",
    role: "platform_admin",
    load: () => import("../views/view-admin"),
    tag: "view-admin",
  },
];

/** The views that somebody may open. An administrator's keys have every role, but no clusters of their own. */
export function routesFor(me: Me): Route[] {
  return ROUTES.filter((route) => me.roles.includes(route.role));
}

/** Where somebody starts. */
export function homeOf(me: Me): Route | undefined {
  const own = { admin: "/admin", provider: "/tower", consumer: "/trade" }[me.role];
  const open = routesFor(me);
  return open.find((route) => route.path === own) ?? open[0];
}
