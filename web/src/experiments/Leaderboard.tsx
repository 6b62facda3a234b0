/** Thousands of runs: filter, order, columns, pinned runs and the way to a comparison, all of it in the address. */
import { Button, Checkbox, Menu, Skeleton, TextInput } from "@mantine/core";
import { IconColumns3, IconDownload, IconFilter, IconScale } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { CodeBlock } from "../code/CodeBlock";
import { trackRun } from "../code/recipes";
import { saveCsv } from "../grid/save";
import { useFormat } from "../i18n/format";
import { EmptyState } from "../page/EmptyState";
import { LinkButton } from "../page/LinkButton";
import { ProblemCard } from "../page/ProblemCard";
import { StatusWord } from "../page/StatusWord";
import { useUrlPatch, useUrlState } from "../shell/urlState";
import { fieldOf, NEWEST_FIRST, RUNS_SHOWN_MAX, type RunPage, runsQuery } from "./data";
import css from "./experiments.module.css";
import { RunGrid } from "./RunGrid";

// Typing asks once a pause, not once a key.
const PAUSE_MS = 350;

export const listIn = (text: string | undefined) => (text ? text.split(",").filter(Boolean) : []);

export function Leaderboard({ id, name }: { id: string; name: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const patch = useUrlPatch();
  const [filter = "", setFilter] = useUrlState("q");
  const [sort = NEWEST_FIRST] = useUrlState("sort");
  const [dir = "desc"] = useUrlState("dir");
  const [columnsText] = useUrlState("columns");
  const [runsText] = useUrlState("runs");
  const [pinText] = useUrlState("pin");
  const columns = useMemo(() => (columnsText === undefined ? undefined : listIn(columnsText)), [columnsText]);
  const chosen = useMemo(() => listIn(runsText), [runsText]);
  const pinned = useMemo(() => listIn(pinText), [pinText]);
  const asked = { filter, sort, descending: dir === "desc", columns: columns?.length === 0 ? ["attributes.name"] : columns };
  const runs = useQuery(runsQuery(id, asked));
  const page = runs.data;
  const shownColumns = columns ?? page?.columns.map(fieldOf) ?? [];

  if (runs.error && !page) {
    return (
      <div className={css.board}>
        <div className={css.bar}>
          <FilterInput filter={filter} setFilter={setFilter} />
        </div>
        <ProblemCard error={runs.error} retry={() => void runs.refetch()} compact />
      </div>
    );
  }
  if (page?.total === 0 && !filter) {
    return (
      <EmptyState title={t("experiments.noRunsTitle")} text={t("experiments.noRunsText")}>
        <div className={css.firstRun}>
          <CodeBlock code={trackRun(name).python ?? ""} language="python" testId="code-first-run" />
        </div>
      </EmptyState>
    );
  }
  const toggle = (list: string[], one: string) => (list.includes(one) ? list.filter((other) => other !== one) : [...list, one]);
  const text = (list: string[]) => (list.length ? list.join(",") : undefined);
  return (
    <div className={css.board}>
      <div className={css.bar}>
        <FilterInput filter={filter} setFilter={setFilter} />
        <span className={css.count} role="status" data-testid="runs-count">
          {page ? (page.total > RUNS_SHOWN_MAX ? t("experiments.firstOf", { shown: format.whole(RUNS_SHOWN_MAX), all: format.whole(page.total) }) : t("experiments.count", { count: page.total, n: format.whole(page.total) })) : null}
        </span>
        {page?.running ? (
          <span className={css.count} data-testid="runs-live">
            <StatusWord state="live" quiet /> {t("experiments.runningNow", { count: page.running, n: format.whole(page.running) })}
          </span>
        ) : null}
        <div className={css.barEnd}>
          {page ? <ColumnMenu page={page} shown={shownColumns} choose={(field) => patch({ columns: toggle(shownColumns, field).join(",") })} reset={() => patch({ columns: undefined })} /> : null}
          <Button size="xs" variant="subtle" color="gray" leftSection={<IconDownload size={15} />} disabled={!page?.total} onClick={() => page && save(page, name)} data-testid="runs-csv">
            {t("sql.csv")}
          </Button>
          <LinkButton
            size="xs"
            variant={chosen.length ? "filled" : "default"}
            to="/experiments/$id/compare"
            params={{ id }}
            search={{ runs: text(chosen), q: chosen.length ? undefined : filter || undefined, sort: sort === NEWEST_FIRST ? undefined : sort, dir: dir === "desc" ? undefined : dir }}
            leftSection={<IconScale size={15} />}
            data-testid="runs-compare"
          >
            {chosen.length ? t("experiments.compareChosen", { n: format.whole(chosen.length) }) : t("experiments.compareAll")}
          </LinkButton>
        </div>
      </div>
      {runs.error ? <ProblemCard error={runs.error} retry={() => void runs.refetch()} compact /> : null}
      {!page ? (
        <Skeleton height="max(420px, calc(100dvh - 300px))" radius="md" />
      ) : page.total === 0 ? (
        <EmptyState title={t("experiments.noneMatch")} text={filter}>
          <Button variant="default" size="xs" onClick={() => setFilter(undefined)}>
            {t("list.clear")}
          </Button>
        </EmptyState>
      ) : (
        <RunGrid
          page={page}
          sort={sort}
          descending={dir === "desc"}
          order={(field) => patch(field === sort ? { dir: dir === "desc" ? "asc" : "desc" } : { sort: field, dir: undefined })}
          chosen={chosen}
          choose={(run) => patch({ runs: text(toggle(chosen, run)) })}
          chooseNone={() => patch({ runs: undefined })}
          pinned={pinned}
          pin={(run) => patch({ pin: text(toggle(pinned, run)) })}
        />
      )}
    </div>
  );
}

function FilterInput({ filter, setFilter }: { filter: string; setFilter: (text: string | undefined) => void }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(filter);
  const [seen, setSeen] = useState(filter);
  if (seen !== filter) {
    // The address changed under us: back button, or the filter was cleared elsewhere.
    setSeen(filter);
    setTyped(filter);
  }
  useEffect(() => {
    if (typed === filter) return;
    const timer = setTimeout(() => setFilter(typed), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed, filter, setFilter]);
  return (
    <TextInput
      className={css.filter}
      size="xs"
      type="search"
      leftSection={<IconFilter size={15} />}
      placeholder="metrics.auc > 0.9 and params.depth >= 3"
      aria-label={t("experiments.filter")}
      title={t("experiments.filterHint")}
      value={typed}
      onChange={(event) => setTyped(event.currentTarget.value)}
      onKeyDown={(event) => event.key === "Enter" && setFilter(typed)}
      data-testid="runs-filter"
    />
  );
}

function ColumnMenu({ page, shown, choose, reset }: { page: RunPage; shown: string[]; choose: (field: string) => void; reset: () => void }) {
  const { t } = useTranslation();
  const [q, setQ] = useState("");
  const kinds = (["metrics", "params", "tags"] as const).map((kind) => ({ kind, names: page.known[kind].filter((name) => name.toLowerCase().includes(q.toLowerCase())) }));
  return (
    <Menu position="bottom-end" closeOnItemClick={false} width={280}>
      <Menu.Target>
        <Button size="xs" variant="default" leftSection={<IconColumns3 size={15} />} data-testid="runs-columns">
          {t("experiments.columns")}
        </Button>
      </Menu.Target>
      <Menu.Dropdown className={css.columnMenu}>
        <TextInput size="xs" m={4} placeholder={t("list.filter")} aria-label={t("list.filter")} value={q} onChange={(event) => setQ(event.currentTarget.value)} />
        {kinds.map(({ kind, names }) =>
          names.length ? (
            <div key={kind}>
              <Menu.Label>{t(`experiments.${kind}`)}</Menu.Label>
              {names.slice(0, 200).map((name) => {
                const field = fieldOf({ kind, name });
                return (
                  <Menu.Item key={field} onClick={() => choose(field)} data-testid={`column-${field}`} role="menuitemcheckbox" aria-checked={shown.includes(field)} py={5}>
                    <Checkbox size="xs" checked={shown.includes(field)} readOnly tabIndex={-1} label={<span className="cut">{name}</span>} styles={{ body: { pointerEvents: "none" } }} />
                  </Menu.Item>
                );
              })}
            </div>
          ) : null,
        )}
        <Menu.Divider />
        <Menu.Item onClick={reset}>{t("experiments.columnsReset")}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function save(page: RunPage, name: string): void {
  const { runs } = page;
  saveCsv(
    ["run_id", "name", "user", "status", "started_at_ms", "ended_at_ms", ...page.columns.map(fieldOf)],
    runs.id.map((run, index) => [run, runs.name[index], runs.user[index], runs.status[index], runs.started_at_ms[index], runs.ended_at_ms[index], ...page.columns.map((column) => column.values[index])]),
    `${name}.csv`,
  );
}
