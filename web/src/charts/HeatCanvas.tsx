/** Draws a heat map with ECharts; `press` is told the `cell` of the data item that was pressed. Loaded lazily by heat maps. */
import { HeatmapChart } from "echarts/charts";
import { VisualMapContinuousComponent } from "echarts/components";
import { use as register } from "echarts/core";
import { type Ref, useEffect, useImperativeHandle, useRef } from "react";
import type { ChartHandle } from "./Chart";
import { type EChartsType, init } from "./echarts";

register([HeatmapChart, VisualMapContinuousComponent]);

export default function HeatCanvas({ option, height, press, ref }: { option: Record<string, unknown>; height: number; /** takes what the options have as `cell` */ press: (cell: never) => void; ref?: Ref<ChartHandle> }) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const pressed = useRef(press);
  useEffect(() => {
    pressed.current = press;
  }, [press]);

  useEffect(() => {
    const made = init(box.current, null, { renderer: "canvas" });
    chart.current = made;
    made.on("click", (event) => {
      const { cell } = (event.data ?? {}) as { cell?: never };
      if (cell) pressed.current(cell);
    });
    const watcher = new ResizeObserver(() => made.resize());
    watcher.observe(box.current!);
    return () => {
      watcher.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, []);

  useEffect(() => {
    chart.current?.setOption(option, { notMerge: true, lazyUpdate: true });
  }, [option]);

  useImperativeHandle(ref, () => ({
    png: () =>
      chart.current?.getDataURL({ type: "png", pixelRatio: 2, backgroundColor: getComputedStyle(document.documentElement).getPropertyValue("--surface").trim() }) ?? null,
  }));

  return <div ref={box} aria-hidden style={{ width: "100%", height }} />;
}
