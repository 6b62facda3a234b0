/** Every address of Studio. Pages other than Home come in pieces of their own. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from "@tanstack/react-router";
import { Home } from "../home/Home";
import { LinkPage } from "../session/LinkPage";
import { Crash, NoSuchPage } from "./Crash";
import { Guard } from "./Guard";
import type { UrlState } from "./urlState";

const root = createRootRoute({
  component: Outlet,
  errorComponent: Crash,
  validateSearch: (search: Record<string, unknown>): UrlState => search,
});
const link = createRoute({ getParentRoute: () => root, path: "/link/$code", component: LinkPage });
const inside = createRoute({ getParentRoute: () => root, id: "inside", component: Guard });

const home = createRoute({ getParentRoute: () => inside, path: "/", component: Home });
const streams = createRoute({
  getParentRoute: () => inside,
  path: "/streams",
  component: lazyRouteComponent(() => import("../streams/StreamList"), "StreamList"),
});
const newStream = createRoute({
  getParentRoute: () => inside,
  path: "/streams/new",
  component: lazyRouteComponent(() => import("../streams/NewStream"), "NewStream"),
});
const stream = createRoute({
  getParentRoute: () => inside,
  path: "/streams/$name",
  component: lazyRouteComponent(() => import("../streams/StreamPage"), "StreamPage"),
});
const sql = createRoute({
  getParentRoute: () => inside,
  path: "/sql",
  component: lazyRouteComponent(() => import("../sql/SqlPage"), "SqlPage"),
});
const tables = createRoute({
  getParentRoute: () => inside,
  path: "/tables",
  component: lazyRouteComponent(() => import("../tables/TableList"), "TableList"),
});
const table = createRoute({
  getParentRoute: () => inside,
  path: "/tables/$name",
  component: lazyRouteComponent(() => import("../tables/TablePage"), "TablePage"),
});
const queries = createRoute({
  getParentRoute: () => inside,
  path: "/queries",
  component: lazyRouteComponent(() => import("../queries/QueriesPage"), "QueriesPage"),
});
const query = createRoute({
  getParentRoute: () => inside,
  path: "/queries/$name",
  component: lazyRouteComponent(() => import("../queries/QueryPage"), "QueryPage"),
});
const fits = createRoute({
  getParentRoute: () => inside,
  path: "/autopilot",
  component: lazyRouteComponent(() => import("../autopilot/FitList"), "FitList"),
});
const newFit = createRoute({
  getParentRoute: () => inside,
  path: "/autopilot/new",
  component: lazyRouteComponent(() => import("../autopilot/NewFit"), "NewFit"),
});
const fit = createRoute({
  getParentRoute: () => inside,
  path: "/autopilot/$id",
  component: lazyRouteComponent(() => import("../autopilot/FitPage"), "FitPage"),
});
const tunings = createRoute({
  getParentRoute: () => inside,
  path: "/tuning",
  component: lazyRouteComponent(() => import("../tuning/TuningList"), "TuningList"),
});
const newTuning = createRoute({
  getParentRoute: () => inside,
  path: "/tuning/new",
  component: lazyRouteComponent(() => import("../tuning/NewTuning"), "NewTuning"),
});
const tuning = createRoute({
  getParentRoute: () => inside,
  path: "/tuning/$id",
  component: lazyRouteComponent(() => import("../tuning/TuningPage"), "TuningPage"),
});
const experiments = createRoute({
  getParentRoute: () => inside,
  path: "/experiments",
  component: lazyRouteComponent(() => import("../experiments/ExperimentList"), "ExperimentList"),
});
const experiment = createRoute({
  getParentRoute: () => inside,
  path: "/experiments/$id",
  component: lazyRouteComponent(() => import("../experiments/ExperimentPage"), "ExperimentPage"),
});
const compareRuns = createRoute({
  getParentRoute: () => inside,
  path: "/experiments/$id/compare",
  component: lazyRouteComponent(() => import("../experiments/ComparePage"), "ComparePage"),
});
const run = createRoute({
  getParentRoute: () => inside,
  path: "/runs/$id",
  component: lazyRouteComponent(() => import("../experiments/RunPage"), "RunPage"),
});
const models = createRoute({
  getParentRoute: () => inside,
  path: "/models",
  component: lazyRouteComponent(() => import("../models/ModelList"), "ModelList"),
});
const model = createRoute({
  getParentRoute: () => inside,
  path: "/models/$name",
  component: lazyRouteComponent(() => import("../models/ModelPage"), "ModelPage"),
});
const endpoints = createRoute({
  getParentRoute: () => inside,
  path: "/endpoints",
  component: lazyRouteComponent(() => import("../endpoints/EndpointList"), "EndpointList"),
});
const newEndpoint = createRoute({
  getParentRoute: () => inside,
  path: "/endpoints/new",
  component: lazyRouteComponent(() => import("../endpoints/NewEndpoint"), "NewEndpoint"),
});
const endpoint = createRoute({
  getParentRoute: () => inside,
  path: "/endpoints/$name",
  component: lazyRouteComponent(() => import("../endpoints/EndpointPage"), "EndpointPage"),
});
const monitors = createRoute({
  getParentRoute: () => inside,
  path: "/monitors",
  component: lazyRouteComponent(() => import("../monitors/MonitorList"), "MonitorList"),
});
const newMonitor = createRoute({
  getParentRoute: () => inside,
  path: "/monitors/new",
  component: lazyRouteComponent(() => import("../monitors/NewMonitor"), "NewMonitor"),
});
const monitor = createRoute({
  getParentRoute: () => inside,
  path: "/monitors/$name",
  component: lazyRouteComponent(() => import("../monitors/MonitorPage"), "MonitorPage"),
});
const dashboards = createRoute({
  getParentRoute: () => inside,
  path: "/dashboards",
  component: lazyRouteComponent(() => import("../dashboards/DashboardList"), "DashboardList"),
});
const newDashboard = createRoute({
  getParentRoute: () => inside,
  path: "/dashboards/new",
  component: lazyRouteComponent(() => import("../dashboards/NewDashboard"), "NewDashboard"),
});
const dashboard = createRoute({
  getParentRoute: () => inside,
  path: "/dashboards/$name",
  component: lazyRouteComponent(() => import("../dashboards/DashboardPage"), "DashboardPage"),
});
const admin = createRoute({
  getParentRoute: () => inside,
  path: "/admin",
  component: lazyRouteComponent(() => import("../admin/AdminPage"), "AdminPage"),
});
const account = createRoute({
  getParentRoute: () => inside,
  path: "/account",
  component: lazyRouteComponent(() => import("../session/AccountPage"), "AccountPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    link,
    inside.addChildren([
      home, streams, newStream, stream, sql, tables, table, queries, query, fits, newFit, fit, tunings, newTuning, tuning, experiments, experiment, compareRuns, run, models, model, endpoints, newEndpoint, endpoint, monitors, newMonitor, monitor, dashboards, newDashboard, dashboard, admin, account,
    ]),
  ]),
  defaultPreload: "intent",
  defaultNotFoundComponent: NoSuchPage,
  defaultErrorComponent: Crash,
  scrollRestoration: true,
  // Plain text in the address: what a person writes by hand means what it says.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const text = new URLSearchParams(
      Object.entries(search).flatMap(([key, value]) => (value === undefined || value === null ? [] : [[key, String(value)]])),
    ).toString();
    return text ? `?${text}` : "";
  },
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
