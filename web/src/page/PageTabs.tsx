/** Tabs of a page. The open one is in the address, so that a link, reload and the back button all find it. */
import { Tabs } from "@mantine/core";
import type { ReactNode } from "react";
import { useUrlState } from "../shell/urlState";
import css from "./page.module.css";

export type PageTab = { id: string; label: string; count?: ReactNode; body: () => ReactNode };

export function PageTabs({ tabs }: { tabs: PageTab[] }) {
  const [asked, setTab] = useUrlState("tab", true);
  const open = tabs.find((tab) => tab.id === asked) ?? tabs[0]!;
  return (
    <Tabs value={open.id} onChange={(id) => setTab(id === tabs[0]!.id ? undefined : (id ?? undefined))} className={css.tabs}>
      <Tabs.List className={css.tabList}>
        {tabs.map((tab) => (
          <Tabs.Tab key={tab.id} value={tab.id} data-testid={`tab-${tab.id}`}>
            {tab.label}
            {tab.count != null ? <span className={css.tabCount}>{tab.count}</span> : null}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      <Tabs.Panel value={open.id} pt="md">
        {open.body()}
      </Tabs.Panel>
    </Tabs>
  );
}
