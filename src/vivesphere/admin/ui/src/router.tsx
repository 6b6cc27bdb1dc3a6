import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from "@tanstack/react-router";

import { NotFound, PageStumbled } from "./shell/Fallbacks";
import { SignedIn } from "./shell/SignedIn";
import { ChatPage } from "./pages/ChatPage";
import { DashboardPage } from "./pages/DashboardPage";
import { filterFrom } from "./pages/events/filter";
import { LoginPage } from "./pages/LoginPage";
import { PlanPage } from "./pages/PlanPage";
import { PlansPage } from "./pages/PlansPage";
import { PluginsPage } from "./pages/PluginsPage";
import { RunPage } from "./pages/RunPage";
import { SetupPage } from "./pages/SetupPage";
import { ToolPage } from "./pages/ToolPage";
import { ToolsPage } from "./pages/ToolsPage";
import { TriggersPage } from "./pages/TriggersPage";

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound, errorComponent: PageStumbled });

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  component: LoginPage,
  validateSearch: (search): { to?: string } => ({ to: text(search.to) }),
});
const setup = createRoute({
  getParentRoute: () => root,
  path: "/setup",
  component: SetupPage,
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
  component: ToolsPage,
  validateSearch: (search): { query?: string } => ({ query: text(search.query) }),
});
const tool = createRoute({
  getParentRoute: () => signedIn,
  // The name stands in the search: the server takes a path that ends in `.something` for a file.
  path: "/tools/try",
  component: ToolPage,
  validateSearch: (search): { name: string } => ({ name: text(search.name) ?? "" }),
});
const plugins = createRoute({ getParentRoute: () => signedIn, path: "/plugins", component: PluginsPage });
const plans = createRoute({ getParentRoute: () => signedIn, path: "/plans", component: PlansPage });
const plan = createRoute({ getParentRoute: () => signedIn, path: "/plans/$planId", component: PlanPage });
const run = createRoute({ getParentRoute: () => signedIn, path: "/runs/$runId", component: RunPage });
const triggers = createRoute({ getParentRoute: () => signedIn, path: "/triggers", component: TriggersPage });

const account = createRoute({
  getParentRoute: () => signedIn,
  path: "/account",
  component: lazyRouteComponent(() => import("./pages/AccountPage"), "AccountPage"),
});

// What only operators look at is fetched when they do.
const events = createRoute({
  getParentRoute: () => signedIn,
  path: "/events",
  component: lazyRouteComponent(() => import("./pages/EventsPage"), "EventsPage"),
  validateSearch: (search): { topic?: string } => ({ topic: text(search.topic) }),
});
const eventHistory = createRoute({
  getParentRoute: () => signedIn,
  path: "/events/history",
  component: lazyRouteComponent(() => import("./pages/EventHistoryPage"), "EventHistoryPage"),
  validateSearch: filterFrom,
});
const deadLetters = createRoute({
  getParentRoute: () => signedIn,
  path: "/events/dead-letters",
  component: lazyRouteComponent(() => import("./pages/DeadLettersPage"), "DeadLettersPage"),
  validateSearch: (search): { listener?: string } => ({ listener: text(search.listener) }),
});
const bus = createRoute({
  getParentRoute: () => signedIn,
  path: "/events/bus",
  component: lazyRouteComponent(() => import("./pages/BusPage"), "BusPage"),
});
const event = createRoute({
  getParentRoute: () => signedIn,
  path: "/events/$eventId",
  component: lazyRouteComponent(() => import("./pages/EventPage"), "EventPage"),
});

const routeTree = root.addChildren([
  login,
  setup,
  signedIn.addChildren([dashboard, chat, tools, tool, plugins, plans, plan, run, triggers, account, events, eventHistory, deadLetters, bus, event]),
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
