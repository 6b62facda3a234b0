/** What a monitor's windows say together: pure, for the list, the page and Home. */
import type { Finding, FeatureDrift, Monitor, MonitorWindow, Report } from "./data";

/** What needs a look comes first. */
export const RANK = { failed: 0, drifting: 1, "no baseline": 2, waiting: 3, healthy: 4, stopped: 5 };

/** Whether a stream or a standing query was made by a monitor for itself: its own panel on Home speaks for it. */
export function ofMonitor(name: string): boolean {
  return name.startsWith("monitors.") || name.startsWith("monitor.");
}

/** The windows that were compared with the baseline, newest first. */
export function checkedOf(windows: MonitorWindow[]): MonitorWindow[] {
  return windows.filter((window) => window.checked);
}

/** The newest try that ended, when it failed: its error is what a person must mend. */
export function failureOf(monitor: Monitor): MonitorWindow | null {
  return monitor.state === "failed" ? (monitor.windows.find((window) => window.state === "failed") ?? null) : null;
}

export function findingsOf(window: MonitorWindow): Finding[] {
  return window.findings as Finding[];
}

/** The first finding that alarms, in the reader's language. */
export function culpritText(window: MonitorWindow, language: string): string {
  const first = findingsOf(window).find((finding) => finding.alarm);
  return first ? textOf(first, language) : "";
}

export function textOf(finding: Finding, language: string): string {
  return (language === "ko" ? finding.text.ko : finding.text.en).replaceAll(" -> ", " → ");
}

/** Times of a window come as text in UTC, to the microsecond. */
export function utcMs(text: string | null): number | null {
  const at = text ? Date.parse(`${text.slice(0, 23).replace(" ", "T")}Z`) : NaN;
  return Number.isNaN(at) ? null : at;
}

export function featuresOf(report: Report): FeatureDrift[] {
  return [...report.drift, report.prediction, report.target].filter((one) => one !== null);
}

/** Where to look first in a window: its culprit, else what moved most. */
export function firstFeature(window: MonitorWindow): string | undefined {
  if (window.culprit && window.culprit in window.effects) return window.culprit;
  const [first] = Object.entries(window.effects).sort(([, a], [, b]) => Math.abs(b ?? 0) - Math.abs(a ?? 0));
  return first?.[0];
}
