/** Draws ECharts' options and keeps them up to date. Loaded lazily by OptionChart. */
import { ParallelChart } from "echarts/charts";
import { ParallelComponent } from "echarts/components";
import { use as register } from "echarts/core";
import { useEffect, useRef } from "react";
import { type EChartsType, init } from "./echarts";

register([ParallelChart, ParallelComponent]);

export default function OptionCanvas({ option, height, label, press }: { option: Record<string, unknown>; height: number | string; label: string; press?: (name: string) => void }) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const pressed = useRef(press);
  useEffect(() => {
    pressed.current = press;
  }, [press]);

  useEffect(() => {
    const made = init(box.current, null, { renderer: "canvas" });
    chart.current = made;
    made.on("click", (event) => pressed.current?.(event.name));
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

  return <div ref={box} role="img" aria-label={label} style={{ width: "100%", height }} />;
}
