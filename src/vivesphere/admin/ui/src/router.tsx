import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { NotFound, PageStumbled } from "./shell/Fallbacks";
import { SignedIn } from "./shell/SignedIn";
import { ChatPage } from "./pages/ChatPage";
import { DashboardPage } from "./pages/DashboardPage";
import { wantedFrom } from "./pages/data/wanted";
import { filterFrom } from "./pages/events/filter";

const fetchers: (() => Promise<void> | undefined)[] = [];

/** A page that is fetched when somebody goes there, or by `fetchPages`, whichever is first. */
function page<T extends Record<K, () => ReactNode>, K extends string>(load: () => Promise<T>, name: K) {
  const component = lazyRouteComponent(load, name);
  fetchers.push(() => component.preload?.());
  return component;
}

/** Every page, while nobody waits for one: the way to them must not depend on a server that may be away for a moment. */
export function fetchPages(): void {
  for (const fetchPage of fetchers) void fetchPage();
}

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound, errorComponent: PageStumbled });

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  component: page(() => import("./pages/LoginPage"), "LoginPage"),
  validateSearch: (search): { to?: string } => ({ to: text(search.to) }),
});
const setup = createRoute({
  getParentRoute: () => root,
  path: "/setup",
  component: page(() => import("./pages/SetupPage"), "SetupPage"),
  validateSearch: (search): { token?: string } => ({ token: text(search.token) }),
});
const signedIn = createRoute({ getParentRoute: () => root, id: "signed-in", component: SignedIn });
const dashboard = createRoute({ getParentRoute: () => signedIn, path: "/", component: DashboardPage });
const chat = createRoute({
  getParentRoute: () => signedIn,
  path: "/chat",
  component: ChatPage,
  validateSearch: (search): { bot?: string } => ({ bot: text(search.bot) }),
});
const tools = createRoute({
  getParentRoute: () => signedIn,
  path: "/tools",
  component: page(() => import("./pages/ToolsPage"), "ToolsPage"),
  validateSearch: (search): { query?: string } => ({ query: text(search.query) }),
});
const tool = createRoute({
  getParentRoute: () => signedIn,
  // The name stands in the search: the server takes a path that ends in `.something` for a file.
  path: "/tools/try",
  component: page(() => import("./pages/ToolPage"), "ToolPage"),
  validateSearch: (search): { name: string } => ({ name: text(search.name) ?? "" }),
});
const plugins = createRoute({ getParentRoute: () => signedIn, path: "/plugins", component: page(() => import("./pages/PluginsPage"), "PluginsPage") });
const plans = createRoute({ getParentRoute: () => signedIn, path: "/plans", component: page(() => import("./pages/PlansPage"), "PlansPage") });
const plan = createRoute({ getParentRoute: () => signedIn, path: "/plans/$planId", component: page(() => import("./pages/PlanPage"), "PlanPage") });
const run = createRoute({ getParentRoute: () => signedIn, path: "/runs/$runId", component: page(() => import("./pages/RunPage"), "RunPage") });
const triggers = createRoute({ getParentRoute: () => signedIn, path: "/triggers", component: page(() => import("./pages/TriggersPage"), "TriggersPage") });

const events = createRoute({
  getParentRoute: () => signedIn,
  path: "/events",
  component: page(() => import("./pages/EventsPage"), "EventsPage"),
  validateSearch: (search): { topic?: string } => ({ topic: text(search.topic) }),
});
const eventHistory = createRoute({
  getParentRoute: () => signedIn,
  path: "/events/history",
  component: page(() => import("./pages/EventHistoryPage"), "EventHistoryPage"),
  validateSearch: filterFrom,
});
const deadLetters = createRoute({
  getParentRoute: () => signedIn,
  path: "/events/dead-letters",
  component: page(() => import("./pages/DeadLettersPage"), "DeadLettersPage"),
  validateSearch: (search): { listener?: string } => ({ listener: text(search.listener) }),
});
const bus = createRoute({
  getParentRoute: () => signedIn,
  path: "/events/bus",
  component: page(() => import("./pages/BusPage"), "BusPage"),
});
const event = createRoute({
  getParentRoute: () => signedIn,
  path: "/events/$eventId",
  component: page(() => import("./pages/EventPage"), "EventPage"),
});

const data = createRoute({
  getParentRoute: () => signedIn,
  path: "/data",
  component: page(() => import("./pages/TablesPage"), "TablesPage"),
});
const records = createRoute({
  getParentRoute: () => signedIn,
  path: "/data/tables/$name",
  component: page(() => import("./pages/RecordsPage"), "RecordsPage"),
  validateSearch: wantedFrom,
});
const structure = createRoute({
  getParentRoute: () => signedIn,
  path: "/data/tables/$name/structure",
  component: page(() => import("./pages/StructurePage"), "StructurePage"),
});
const sql = createRoute({
  getParentRoute: () => signedIn,
  path: "/data/sql",
  component: page(() => import("./pages/SqlPage"), "SqlPage"),
});
const access = createRoute({
  getParentRoute: () => signedIn,
  path: "/data/access",
  component: page(() => import("./pages/AccessPage"), "AccessPage"),
});
const backups = createRoute({
  getParentRoute: () => signedIn,
  path: "/data/backups",
  component: page(() => import("./pages/BackupsPage"), "BackupsPage"),
});

const routeTree = root.addChildren([
  login,
  setup,
  signedIn.addChildren([
    ...[dashboard, chat, tools, tool, plugins, plans, plan, run, triggers],
    ...[events, eventHistory, deadLetters, bus, event],
    ...[data, records, structure, sql, access, backups],
  ]),
]);

export function createAppRouter() {
  return createRouter({
    routeTree,
    // A token in an address is text, even if it is all digits: the search is read and written plainly.
    parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
    stringifySearch: (search) => {
      const kept = Object.entries(search).filter((entry): entry is [string, string] => typeof entry[1] === "string");
      return kept.length ? `?${new URLSearchParams(kept).toString()}` : "";
    },
  });
}
