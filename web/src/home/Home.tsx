/** What runs and what is wrong: problems first, each with its cure. */
import { Skeleton, Text } from "@mantine/core";
import { useQueries, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { seenSoFar } from "../api/live";
import { Sparkline } from "../charts/Sparkline";
import { useFormat } from "../i18n/format";
import { monitorsQuery } from "../monitors/data";
import { checkedOf, culpritText, ofMonitor, RANK as MONITOR_RANK } from "../monitors/state";
import { LinkButton } from "../page/LinkButton";
import { PageHeader } from "../page/PageHeader";
import { Panel } from "../page/Panel";
import { ProblemCard } from "../page/ProblemCard";
import { StatusWord } from "../page/StatusWord";
import { When } from "../page/When";
import { AlertKey } from "../queries/AlertKey";
import { alertsQuery, queriesQuery } from "../queries/data";
import { lagOf, RANK, stateOf } from "../queries/state";
import { statusQuery } from "../shell/status";
import { type Stream, streamQuery, streamsQuery } from "../streams/data";
import { tablesQuery } from "../tables/data";
import { hasEnded, tasksQuery } from "../tasks/data";
import { FirstSteps } from "./FirstSteps";
import css from "./home.module.css";
import { Problems } from "./Problems";
import { Processes } from "./Processes";

const SHOWN_MAX = 6;

export function Home() {
  const { t } = useTranslation();
  const format = useFormat();
  const status = useQuery(statusQuery);
  const data = status.data;
  const counts = data?.counts ?? {};
  const streams = useQuery(streamsQuery);
  // Streams that gureum makes for itself do not make a platform that somebody uses.
  const bare = data && !counts.table && !counts.query;
  const empty = bare && streams.data?.every((stream) => stream.system);
  const unknown = bare && streams.isPending;
  return (
    <>
      <PageHeader
        title={t("home.title")}
        actions={
          <LinkButton to="/sql" data-testid="home-ask">
            {t("home.ask")}
          </LinkButton>
        }
        under={
          data ? (
            <>
              <span data-testid="home-summary">
                {data.problems.length === 0
                  ? t("home.allWell")
                  : t("home.problems", { count: data.problems.length, n: format.whole(data.problems.length) })}
              </span>
              <span title={format.exact(data.started_at_ms)}>
                {t("home.upSince", { when: format.relative(data.started_at_ms, data.now_ms) })}
              </span>
              <span>{t("home.diskFree", { size: format.bytes(data.disk_free_bytes) })}</span>
              <span>{t("home.version", { version: data.version })}</span>
            </>
          ) : (
            <Skeleton height={14} width={320} my={3} />
          )
        }
      />
      {status.error && !data ? <ProblemCard error={status.error} retry={() => void status.refetch()} /> : null}
      {data ? <Problems problems={data.problems} /> : null}
      {unknown ? (
        <Lines />
      ) : empty ? (
        <FirstSteps kinesis={data.kinesis_endpoint} />
      ) : (
        <div className={css.grid}>
          <div className={css.column}>
            <Throughput />
            <Standing />
          </div>
          <div className={css.column}>
            <Firing />
            <Watched />
            <Fits />
            <Processes processes={data?.processes} />
            <RecentTables />
          </div>
        </div>
      )}
    </>
  );
}

function Lines() {
  return (
    <div className={css.skeletons}>
      {Array.from({ length: 4 }, (_, index) => (
        <Skeleton key={index} height={14} width={`${85 - index * 12}%`} />
      ))}
    </div>
  );
}

function All({ to, tab }: { to: "/streams" | "/queries" | "/tables" | "/monitors" | "/autopilot" | "/tuning"; tab?: string }) {
  const { t } = useTranslation();
  return (
    <Link to={to} search={tab ? { tab } : {}} className={css.all}>
      {t("home.all")}
    </Link>
  );
}

function Throughput() {
  const { t } = useTranslation();
  const streams = useQuery(streamsQuery);
  const busiest = (streams.data ?? [])
    .filter((stream) => !ofMonitor(stream.name))
    .sort((a, b) => b.records_per_s - a.records_per_s || a.name.localeCompare(b.name))
    .slice(0, SHOWN_MAX);
  return (
    <Panel title={t("home.throughput")} right={<All to="/streams" />} flush testId="home-streams">
      {streams.error && !streams.data ? (
        <ProblemCard error={streams.error} compact retry={() => void streams.refetch()} />
      ) : !streams.data ? (
        <Lines />
      ) : busiest.length === 0 ? (
        <p className={css.none}>{t("home.noStreams")}</p>
      ) : (
        <BusyStreams streams={busiest} />
      )}
    </Panel>
  );
}

function BusyStreams({ streams }: { streams: Stream[] }) {
  const format = useFormat();
  // The last ten minutes come with the detail; from then on the event connection adds to them.
  const details = useQueries({ queries: streams.map((stream) => ({ ...streamQuery(stream.name), staleTime: 60_000 })) });
  return (
    <ul className={css.rows}>
      {streams.map((stream, index) => {
        const seen = seenSoFar(`stream:${stream.name}`);
        const past = (details[index]?.data?.throughput ?? []).filter((point) => point.at_ms < (seen[0]?.atMs ?? Infinity));
        const values = [...past.map((point) => point.records / 5), ...seen.map((one) => one.values[0] ?? 0)].slice(-150);
        return (
          <li key={stream.name}>
            <Link to="/streams/$name" params={{ name: stream.name }} className="cut" title={stream.name}>
              {stream.name}
            </Link>
            <Sparkline values={values} colour="var(--calm)" />
            <span className={css.number}>{format.perSecond(stream.records_per_s)}</span>
          </li>
        );
      })}
    </ul>
  );
}

function Standing() {
  const { t } = useTranslation();
  const format = useFormat();
  const queries = useQuery(queriesQuery);

  const shown = (queries.data ?? [])
    .filter((query) => !ofMonitor(query.name) || RANK[stateOf(query.status)] < RANK.running)
    .sort((a, b) => RANK[stateOf(a.status)] - RANK[stateOf(b.status)])
    .slice(0, SHOWN_MAX + 2);
  return (
    <Panel title={t("home.standing")} right={<All to="/queries" />} flush testId="home-queries">
      {queries.error && !queries.data ? (
        <ProblemCard error={queries.error} compact retry={() => void queries.refetch()} />
      ) : !queries.data ? (
        <Lines />
      ) : shown.length === 0 ? (
        <p className={css.none}>{t("home.noQueries")}</p>
      ) : (
        <ul className={css.rows}>
          {shown.map((query) => (
            <li key={query.name}>
              <Link to="/queries/$name" params={{ name: query.name }} className="cut" title={query.name}>
                {query.name}
              </Link>
              <StatusWord state={stateOf(query.status)} />
              <span className={css.number}>
                {query.status.state !== "running"
                  ? "–"
                  : stateOf(query.status) === "late"
                    ? t("home.behind", { lag: format.duration(lagOf(query.status)) })
                    : format.perSecond(query.status.rows_in_per_s)}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Firing() {
  const { t } = useTranslation();
  const alerts = useQuery(alertsQuery);
  const firing = alerts.data?.firing ?? [];
  return (
    <Panel title={t("home.firing")} right={<All to="/queries" tab="alerts" />} flush testId="home-alerts">
      {!alerts.data ? (
        alerts.error ? <ProblemCard error={alerts.error} compact retry={() => void alerts.refetch()} /> : <Lines />
      ) : firing.length === 0 ? (
        <p className={css.none}>{t("home.noFiring")}</p>
      ) : (
        <ul className={css.rows} data-two>
          {firing.slice(0, SHOWN_MAX).map((alert) => (
            <li key={alert.query + JSON.stringify(alert.key)}>
              <span className={css.firing}>
                <StatusWord state="firing" />
                <Link to="/queries/$name" params={{ name: alert.query }} search={{ tab: "alerts" }} className="cut">
                  {alert.query}
                </Link>
                <AlertKey alertKey={alert.key} />
              </span>
              <Text size="xs" c="dimmed" component="span">
                <When atMs={alert.since_ms} />
              </Text>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

/** How the monitors do; nothing where there are none. */
function Watched() {
  const { t, i18n } = useTranslation();
  const monitors = useQuery({ ...monitorsQuery, refetchInterval: 10_000 });
  if (!monitors.data?.length) return null;
  const shown = [...monitors.data].sort((a, b) => MONITOR_RANK[a.state] - MONITOR_RANK[b.state]).slice(0, SHOWN_MAX);
  return (
    <Panel title={t("home.monitors")} right={<All to="/monitors" />} flush testId="home-monitors">
      <ul className={css.rows} data-two>
        {shown.map((monitor) => {
          const newest = checkedOf(monitor.windows)[0];
          const text = monitor.state === "drifting" && newest ? culpritText(newest, i18n.language) : "";
          return (
            <li key={monitor.name}>
              <span className={css.process}>
                <Link to="/monitors/$name" params={{ name: monitor.name }} className="cut" title={monitor.name}>
                  {monitor.name}
                </Link>
                {text ? <small title={text}>{text}</small> : null}
              </span>
              <StatusWord state={monitor.state} />
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

/** Fits and tunings, what runs first; nothing where there are none. */
function Fits() {
  const { t } = useTranslation();
  const format = useFormat();
  const fits = useQuery(tasksQuery("autopilot")).data;
  const tunings = useQuery(tasksQuery("tuning")).data;
  const both = [...(fits ?? []), ...(tunings ?? [])];
  if (!both.length) return null;
  const shown = both.sort((a, b) => Number(hasEnded(a)) - Number(hasEnded(b)) || b.created_at_ms - a.created_at_ms).slice(0, SHOWN_MAX);
  return (
    <Panel title={t("home.fits")} right={<All to={fits?.length ? "/autopilot" : "/tuning"} />} flush testId="home-fits">
      <ul className={css.rows}>
        {shown.map((task) => {
          const value = task.result?.score ?? task.result?.best_value ?? task.progress.best ?? task.progress.best_value;
          return (
            <li key={task.id}>
              <span className={css.process}>
                <Link to={task.kind === "autopilot" ? "/autopilot/$id" : "/tuning/$id"} params={{ id: task.id }} className="cut" title={task.name}>
                  {task.name}
                </Link>
                <small>{t(task.kind === "autopilot" ? "nouns.autopilot" : "nouns.tuning")}</small>
              </span>
              <StatusWord state={task.state} />
              <span className={css.number} title={String(task.result?.metric ?? task.progress.metric ?? "")}>
                {typeof value === "number" ? format.number(Number(value.toPrecision(5))) : "–"}
              </span>
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

function RecentTables() {
  const { t } = useTranslation();
  const format = useFormat();
  const tables = useQuery(tablesQuery);
  const recent = [...(tables.data ?? [])].sort((a, b) => (b.updated_at_ms ?? 0) - (a.updated_at_ms ?? 0)).slice(0, SHOWN_MAX);
  return (
    <Panel title={t("home.recentTables")} right={<All to="/tables" />} flush testId="home-tables">
      {tables.error && !tables.data ? (
        <ProblemCard error={tables.error} compact retry={() => void tables.refetch()} />
      ) : !tables.data ? (
        <Lines />
      ) : recent.length === 0 ? (
        <p className={css.none}>{t("home.noTables")}</p>
      ) : (
        <ul className={css.rows}>
          {recent.map((table) => (
            <li key={table.name}>
              <Link to="/tables/$name" params={{ name: table.name }} className="cut" title={table.name}>
                {table.name}
              </Link>
              <span className={css.number}>
                {table.problem ? <StatusWord state="broken" /> : table.rows === null ? "" : t("home.rows", { count: table.rows, n: format.compact(table.rows) })}
              </span>
              <Text size="xs" c="dimmed" component="span" ta="right">
                <When atMs={table.updated_at_ms} missing="" />
              </Text>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
