/** Ctrl-K: everything by name, and every action. */
import { Kbd, useMantineColorScheme } from "@mantine/core";
import { Spotlight, spotlight } from "@mantine/spotlight";
import {
  IconChartLine, IconDatabase, IconInfinity, IconKey, IconLanguage, IconMoon, IconPlus, IconSearch, IconSun, IconTerminal2, IconWaveSine,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type LinkProps, useNavigate } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { dashboardsQuery } from "../dashboards/data";
import { keepLanguage } from "../i18n";
import { queriesQuery } from "../queries/data";
import { useMayMake, useMe } from "../session/me";
import { streamsQuery } from "../streams/data";
import { tablesQuery } from "../tables/data";
import { ADMIN, NOUNS } from "./nouns";

type Found = { id: string; label: string; hint?: string; Icon: typeof IconPlus; run: () => void };
type Group = { label: string; found: Found[] };

const PER_GROUP_MAX = 8;

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
      { label: t("search.dashboards"), found: (dashboards ?? []).map(({ name, spec }) => ({ id: `dashboard-${name}`, label: spec.title || name, hint: name, Icon: IconChartLine, run: go({ to: "/dashboards/$name", params: { name } }) })) },
    ];
    const fits = (found: Found) => !q || `${found.label} ${found.hint ?? ""}`.toLowerCase().includes(q);
    return groups
      .map((group) => ({ ...group, found: group.found.filter(fits).slice(0, q ? PER_GROUP_MAX : group.label === t("search.pages") || group.label === t("search.actions") ? 8 : 4) }))
      .filter((group) => group.found.length > 0);
  }, [opened, q, t, i18n.language, navigate, me, mayMake, setColorScheme, streams, tables, queries, dashboards]);
}
