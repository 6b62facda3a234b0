/** The parts of ECharts that Studio draws with: one lazy piece of the app. */
import { BarChart, LineChart, ScatterChart } from "echarts/charts";
import { DataZoomInsideComponent, GridComponent, LegendScrollComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { init, use as register } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

register([BarChart, LineChart, ScatterChart, GridComponent, TooltipComponent, LegendScrollComponent, MarkLineComponent, DataZoomInsideComponent, CanvasRenderer]);

export { init };
export type { EChartsType } from "echarts/core";
