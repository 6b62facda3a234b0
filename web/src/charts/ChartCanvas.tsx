/** Draws a chart with ECharts and keeps it up to date without flicker. Loaded lazily by Chart. */
import { useComputedColorScheme } from "@mantine/core";
import { type Ref, useEffect, useImperativeHandle, useMemo, useRef } from "react";
import { useFormat } from "../i18n/format";
import type { ChartHandle, ChartSpec } from "./Chart";
import { type EChartsType, init } from "./echarts";
import { optionOf } from "./option";

export default function ChartCanvas({ spec, height, label, ref }: { spec: ChartSpec; height: number | string; label: string; ref?: Ref<ChartHandle> }) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const shape = useRef("");
  const format = useFormat();
  const dark = useComputedColorScheme("light") === "dark";
  const option = useMemo(() => optionOf(spec, format, dark), [spec, format, dark]);

  useEffect(() => {
    const made = init(box.current, null, { renderer: "canvas" });
    chart.current = made;
    shape.current = "";
    const watcher = new ResizeObserver(() => made.resize());
    watcher.observe(box.current!);
    return () => {
      watcher.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, []);

  useEffect(() => {
    // Same axes and series: move the data only, so that a hover or zoom survives. Otherwise draw anew.
    const next = JSON.stringify([spec.type, spec.series.map((one) => one.name), spec.x.kind, spec.y.log, spec.marks?.length, dark]);
    chart.current?.setOption(option, { notMerge: shape.current !== next, lazyUpdate: true });
    shape.current = next;
  }, [option, spec, dark]);

  useImperativeHandle(ref, () => ({
    png: () =>
      chart.current?.getDataURL({
        type: "png",
        pixelRatio: 2,
        backgroundColor: getComputedStyle(document.documentElement).getPropertyValue("--surface").trim(),
      }) ?? null,
  }));

  return <div ref={box} role="img" aria-label={label} style={{ width: "100%", height }} />;
}
