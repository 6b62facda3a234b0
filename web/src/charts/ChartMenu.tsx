/** Take a chart along: as a picture, or as its numbers. */
import { ActionIcon, Menu } from "@mantine/core";
import { IconDots, IconPhoto, IconTableExport } from "@tabler/icons-react";
import type { ReactNode, RefObject } from "react";
import { useTranslation } from "react-i18next";
import { saveCsv, saveUrl } from "../grid/save";
import type { ChartHandle, ChartSpec } from "./Chart";

export function ChartMenu({ chart, spec, name, children }: { chart: RefObject<ChartHandle | null>; spec: ChartSpec; name: string; children?: ReactNode }) {
  const { t } = useTranslation();
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon aria-label={t("charts.menu")} data-testid="chart-menu">
          <IconDots size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconPhoto size={16} />} onClick={() => saveUrl(chart.current?.png(), `${name}.png`)} data-testid="chart-png">
          {t("charts.png")}
        </Menu.Item>
        <Menu.Item leftSection={<IconTableExport size={16} />} onClick={() => saveSpec(spec, name)} data-testid="chart-csv">
          {t("charts.csv")}
        </Menu.Item>
        {children}
      </Menu.Dropdown>
    </Menu>
  );
}

/** One row per x, one column per series. */
function saveSpec(spec: ChartSpec, name: string): void {
  const byX = new Map<string | number, (number | null)[]>();
  spec.series.forEach((series, index) => {
    for (const [x, y] of series.points) {
      const row = byX.get(x) ?? spec.series.map(() => null);
      row[index] = y;
      byX.set(x, row);
    }
  });
  const rows = [...byX].map(([x, values]) => [spec.x.kind === "time" ? new Date(x).toISOString() : x, ...values]);
  saveCsv([spec.x.title || "time", ...spec.series.map((series) => series.name)], rows, `${name}.csv`);
}
