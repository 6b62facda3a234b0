/** Ctrl-K: everything by name, and every action. */
import { Kbd, useMantineColorScheme } from "@mantine/core";
import { Spotlight, spotlight } from "@mantine/spotlight";
import {
  IconActivityHeartbeat, IconAdjustmentsHorizontal, IconApi, IconBox, IconChartLine, IconDatabase, IconFlask2, IconInfinity, IconKey, IconLanguage, IconMoon, IconPlus, IconSearch, IconSun, IconTerminal2, IconWand, IconWaveSine,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type LinkProps, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { dashboardsQuery } from "../dashboards/data";
import { endpointsQuery } from "../endpoints/data";
import { experimentsQuery } from "../experiments/data";
import { keepLanguage } from "../i18n";
import { modelsQuery } from "../models/data";
import { monitorsQuery } from "../monitors/data";
import { queriesQuery } from "../queries/data";
import { useMayMake, useMe } from "../session/me";
import { streamsQuery } from "../streams/data";
import { tablesQuery } from "../tables/data";
import { tasksQuery } from "../tasks/data";
import { ADMIN, NOUNS } from "./nouns";

type Found = { id: string; label: string; hint?: string; Icon: typeof IconPlus; run: () => void };
type Group = { label: string; found: Found[] };

const PER_GROUP_MAX = 8;
// Before anything is typed: all pages, all actions.
const PAGES_MAX = 16;

export default function Search() {
  const { t } = useTranslation();
  const [q, setQ] = useState("");
  const [opened, setOpened] = useState(false);
  const groups = useGroups(opened, q.trim().toLowerCase());
  return (
    <Spotlight.Root
      query={q}
      onQueryChange={setQ}
      onSpotlightOpen={() => setOpened(true)}
      onSpotlightClose={() => setOpened(false)}
      shortcut={["mod + K"]}
      tagsToIgnore={[]}
      clearQueryOnClose
      scrollable
      centered={false}
      yOffset="12vh"
      attributes={{ content: { "aria-label": t("frame.searchLabel") } }}
      overlayProps={{ blur: 0, backgroundOpacity: 0.4 }}
      styles={{ content: { background: "var(--surface-raised)", border: "1px solid var(--line-strong)" } }}
      triggerOnContentEditable
      maxHeight={460}
      radius="md"
      size={620}
      transitionProps={{ duration: 80 }}
    >
      <Spotlight.Search placeholder={t("frame.search")} leftSection={<IconSearch size={18} stroke={1.7} />} rightSection={<Kbd size="xs">Esc</Kbd>} aria-label={t("frame.searchLabel")} />
      <Spotlight.ActionsList>
        {groups.length === 0 ? <Spotlight.Empty>{t("search.nothing")}</Spotlight.Empty> : null}
        {groups.map((group) => (
          <Spotlight.ActionsGroup key={group.label} label={group.label}>
            {group.found.map(({ id, label, hint, Icon, run }) => (
              <Spotlight.Action key={id} label={label} description={hint} leftSection={<Icon size={18} stroke={1.7} />} onClick={run} data-testid={`search-${id}`} />
            ))}
          </Spotlight.ActionsGroup>
        ))}
      </Spotlight.ActionsList>
    </Spotlight.Root>
  );
}

function useGroups(opened: boolean, q: string): Group[] {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const me = useMe();
  const mayMake = useMayMake();
  const { setColorScheme } = useMantineColorScheme();
  const streams = useQuery({ ...streamsQuery, enabled: opened }).data;
  const tables = useQuery({ ...tablesQuery, enabled: opened }).data;
  const queries = useQuery({ ...queriesQuery, enabled: opened }).data;
  const fits = useQuery({ ...tasksQuery("autopilot"), enabled: opened }).data;
  const tunings = useQuery({ ...tasksQuery("tuning"), enabled: opened }).data;
  const experiments = useQuery({ ...experimentsQuery, enabled: opened }).data;
  const models = useQuery({ ...modelsQuery, enabled: opened }).data;
  const endpoints = useQuery({ ...endpointsQuery, enabled: opened }).data;
  const monitors = useQuery({ ...monitorsQuery, enabled: opened }).data;
  const dashboards = useQuery({ ...dashboardsQuery, enabled: opened }).data;

  return useMemo(() => {
    if (!opened) return [];
    const go = (link: LinkProps) => () => {
      spotlight.close();
      void navigate(link as never);
    };
    const pages: Found[] = [...NOUNS, ...(me?.role === "admin" ? [ADMIN] : [])].map(({ id, to, Icon }) => ({
      id: `page-${id}`, label: t(`nouns.${id}`), Icon, run: go({ to }),
    }));
    const make: Found[] = mayMake
      ? [
          { id: "new-stream", label: t("search.newStream"), Icon: IconPlus, run: go({ to: "/streams/new" }) },
          { id: "new-query", label: t("search.newQuery"), Icon: IconPlus, run: go({ to: "/sql", search: { mode: "standing" } }) },
          { id: "new-fit", label: t("search.newFit"), Icon: IconPlus, run: go({ to: "/autopilot/new" }) },
          { id: "new-tuning", label: t("search.newTuning"), Icon: IconPlus, run: go({ to: "/tuning/new" }) },
          { id: "new-endpoint", label: t("search.newEndpoint"), Icon: IconPlus, run: go({ to: "/endpoints/new" }) },
          { id: "new-monitor", label: t("search.newMonitor"), Icon: IconPlus, run: go({ to: "/monitors/new" }) },
          { id: "new-dashboard", label: t("search.newDashboard"), Icon: IconPlus, run: go({ to: "/dashboards/new" }) },
        ]
      : [];
    const actions: Found[] = [
      { id: "new-sql", label: t("search.newSql"), Icon: IconTerminal2, run: go({ to: "/sql" }) },
      ...make,
      { id: "new-token", label: t("search.newToken"), Icon: IconKey, run: go({ to: "/account" }) },
      { id: "light", label: t("search.light"), Icon: IconSun, run: () => setColorScheme("light") },
      { id: "dark", label: t("search.dark"), Icon: IconMoon, run: () => setColorScheme("dark") },
      i18n.language === "ko"
        ? { id: "english", label: t("search.english"), Icon: IconLanguage, run: () => keepLanguage("en") }
        : { id: "korean", label: t("search.korean"), Icon: IconLanguage, run: () => keepLanguage("ko") },
    ];
    const groups: Group[] = [
      { label: t("search.pages"), found: pages },
      { label: t("search.actions"), found: actions },
      { label: t("search.streams"), found: (streams ?? []).map(({ name }) => ({ id: `stream-${name}`, label: name, Icon: IconWaveSine, run: go({ to: "/streams/$name", params: { name } }) })) },
      { label: t("search.tables"), found: (tables ?? []).map(({ name }) => ({ id: `table-${name}`, label: name, Icon: IconDatabase, run: go({ to: "/tables/$name", params: { name } }) })) },
      { label: t("search.queries"), found: (queries ?? []).map(({ name }) => ({ id: `query-${name}`, label: name, Icon: IconInfinity, run: go({ to: "/queries/$name", params: { name } }) })) },
      { label: t("nouns.autopilot"), found: (fits ?? []).map(({ id, name, spec }) => ({ id: `fit-${id}`, label: name, hint: String(spec.target ?? ""), Icon: IconWand, run: go({ to: "/autopilot/$id", params: { id } }) })) },
      { label: t("nouns.tuning"), found: (tunings ?? []).map(({ id, name, spec }) => ({ id: `tuning-${id}`, label: name, hint: String(spec.target ?? ""), Icon: IconAdjustmentsHorizontal, run: go({ to: "/tuning/$id", params: { id } }) })) },
      { label: t("search.experiments"), found: (experiments ?? []).map(({ id, name }) => ({ id: `experiment-${name}`, label: name, Icon: IconFlask2, run: go({ to: "/experiments/$id", params: { id } }) })) },
      { label: t("search.models"), found: (models ?? []).map(({ name }) => ({ id: `model-${name}`, label: name, Icon: IconBox, run: go({ to: "/models/$name", params: { name } }) })) },
      { label: t("search.endpoints"), found: (endpoints ?? []).map(({ name }) => ({ id: `endpoint-${name}`, label: name, Icon: IconApi, run: go({ to: "/endpoints/$name", params: { name } }) })) },
      { label: t("search.monitors"), found: (monitors ?? []).map(({ name, source }) => ({ id: `monitor-${name}`, label: name, hint: source, Icon: IconActivityHeartbeat, run: go({ to: "/monitors/$name", params: { name } }) })) },
      { label: t("search.dashboards"), found: (dashboards ?? []).map(({ name, spec }) => ({ id: `dashboard-${name}`, label: spec.title || name, hint: name, Icon: IconChartLine, run: go({ to: "/dashboards/$name", params: { name } }) })) },
    ];
    const matches = (found: Found) => !q || `${found.label} ${found.hint ?? ""}`.toLowerCase().includes(q);
    return groups
      .map((group) => ({ ...group, found: group.found.filter(matches).slice(0, q ? PER_GROUP_MAX : group.label === t("search.pages") || group.label === t("search.actions") ? PAGES_MAX : 4) }))
      .filter((group) => group.found.length > 0);
  }, [opened, q, t, i18n.language, navigate, me, mayMake, setColorScheme, streams, tables, queries, fits, tunings, experiments, models, endpoints, monitors, dashboards]);
}
