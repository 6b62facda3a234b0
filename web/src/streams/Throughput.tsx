/** How much flowed in over the last ten minutes: records and bytes, each a chart of its own. */
import { Skeleton } from "@mantine/core";
import { useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import { Chart, type ChartHandle, type ChartSpec } from "../charts/Chart";
import { ChartMenu } from "../charts/ChartMenu";
import { Panel } from "../page/Panel";
import type { StreamDetail } from "./data";
import css from "./streams.module.css";

const POINT_S = 5;

export function Throughput({ stream }: { stream: StreamDetail | undefined }) {
  const { t } = useTranslation();
  return (
    <div className={css.charts}>
      <One stream={stream} of="records" title={t("streams.recordsPerS")} unit={null} />
      <One stream={stream} of="bytes" title={t("streams.bytesPerS")} unit="B" />
    </div>
  );
}

function One({ stream, of, title, unit }: { stream: StreamDetail | undefined; of: "records" | "bytes"; title: string; unit: string | null }) {
  const { t } = useTranslation();
  const chart = useRef<ChartHandle>(null);
  const name = stream?.name ?? "";
  const throughput = stream?.throughput;
  const spec = useMemo<ChartSpec>(
    () => ({
      type: "line",
      area: true,
      x: { kind: "time", title: "" },
      y: { title, unit },
      series: [{ name: title, colour: of === "records" ? 0 : 2, points: (throughput ?? []).map((point) => [point.at_ms, point[of] / POINT_S]) }],
    }),
    [throughput, of, title, unit],
  );
  return (
    <Panel title={title} right={<><span>{t("streams.last10")}</span><ChartMenu chart={chart} spec={spec} name={`${name}-${of}`} /></>}>
      {stream ? <Chart ref={chart} spec={spec} title={`${title}, ${name}`} height={230} /> : <Skeleton height={230} />}
    </Panel>
  );
}
