/** Shares as bars with a word and a figure each. */
import { useFormat } from "../i18n/format";
import css from "./tasks.module.css";

export function Bars({ bars, label, testId }: { bars: { name: string; share: number; title?: string }[]; label: string; testId?: string }) {
  const format = useFormat();
  const top = Math.max(...bars.map((bar) => bar.share), 1e-9);
  return (
    <dl className={css.bars} aria-label={label} data-testid={testId}>
      {bars.map((bar) => (
        <div key={bar.name} data-name={bar.name}>
          <dt title={bar.title ?? bar.name}>{bar.name}</dt>
          <dd className={css.track} aria-hidden>
            <i style={{ width: `${(100 * bar.share) / top}%` }} />
          </dd>
          <dd>{format.percent(Math.round(bar.share * 1000) / 1000)}</dd>
        </div>
      ))}
    </dl>
  );
}
