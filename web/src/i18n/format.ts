/** Numbers, sizes, rates and times as the chosen language writes them, in the user's time zone. */
import { useMemo } from "react";
import { useTranslation } from "react-i18next";

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export type Format = ReturnType<typeof formatFor>;

export function formatFor(language: string) {
  const korean = language === "ko";
  const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
  const figures = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });
  const compact = new Intl.NumberFormat(language, { notation: "compact", maximumSignificantDigits: 3 });
  const six = new Intl.NumberFormat(language, { maximumSignificantDigits: 6 });
  const percent = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 2 });
  const precise = new Intl.NumberFormat(language, { maximumFractionDigits: 6 });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: korean ? "long" : "narrow" });
  const exact = new Intl.DateTimeFormat(language, {
    dateStyle: "medium",
    timeStyle: "long",
  });
  const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const date = new Intl.DateTimeFormat(language, { dateStyle: "medium" });

  const units = korean
    ? { ms: "ms", s: "초", m: "분", h: "시간", d: "일" }
    : { ms: "ms", s: "s", m: "min", h: "h", d: "d" };
  const with_ = (value: number, unit: string) => (korean && unit !== "ms" ? `${value}${unit}` : `${value} ${unit}`);

  function bytes(value: number): string {
    const step = value < 1000 ? 0 : Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log10(value) / 3));
    return `${figures.format(value / 1000 ** step)} ${BYTE_UNITS[step] ?? "B"}`;
  }

  return {
    whole: (value: number) => whole.format(value),
    figures: (value: number) => (Math.abs(value) >= 1000 ? whole.format(value) : figures.format(value)),
    compact: (value: number) => (Math.abs(value) < 10_000 ? whole.format(value) : compact.format(value)),
    precise: (value: number) => precise.format(value),
    /** Any number of a column, from 1e-9 to 1e9: six digits say enough. */
    number: (value: number) => (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e12) ? value.toExponential(3) : six.format(value)),
    /** A share from 0 to 1. */
    percent: (value: number) => percent.format(value),
    bytes,
    perSecond: (value: number) =>
      `${value >= 10_000 ? compact.format(value) : value >= 100 ? whole.format(value) : figures.format(value)}${korean ? "/초" : "/s"}`,
    bytesPerSecond: (value: number) => `${bytes(value)}${korean ? "/초" : "/s"}`,
    /** A length of time, such as a lag: two units at most. */
    duration(ms: number): string {
      if (ms < SECOND) return with_(Math.round(ms), units.ms);
      if (ms < 10 * SECOND) return with_(Math.round(ms / 100) / 10, units.s);
      if (ms < MINUTE) return with_(Math.round(ms / SECOND), units.s);
      const [big, bigUnit, small, smallUnit] =
        ms < HOUR
          ? ([MINUTE, units.m, SECOND, units.s] as const)
          : ms < DAY
            ? ([HOUR, units.h, MINUTE, units.m] as const)
            : ([DAY, units.d, HOUR, units.h] as const);
      const rest = Math.floor((ms % big) / small);
      return with_(Math.floor(ms / big), bigUnit) + (rest ? ` ${with_(rest, smallUnit)}` : "");
    },
    relative(atMs: number, nowMs: number): string {
      const past = atMs - nowMs;
      const size = Math.abs(past);
      if (size < 5 * SECOND) return relative.format(0, "second");
      if (size < MINUTE) return relative.format(Math.round(past / SECOND / 5) * 5, "second");
      if (size < HOUR) return relative.format(Math.trunc(past / MINUTE), "minute");
      if (size < DAY) return relative.format(Math.trunc(past / HOUR), "hour");
      if (size < 30 * DAY) return relative.format(Math.trunc(past / DAY), "day");
      return date.format(atMs);
    },
    exact: (atMs: number) => exact.format(atMs),
    clock: (atMs: number) => clock.format(atMs),
    date: (atMs: number) => date.format(atMs),
    /** Text order as a person of this language expects it; 'item 2' before 'item 10'. */
    collator: new Intl.Collator(language, { numeric: true, sensitivity: "base" }),
  };
}

export function useFormat(): Format {
  const { i18n } = useTranslation();
  return useMemo(() => formatFor(i18n.language), [i18n.language]);
}
