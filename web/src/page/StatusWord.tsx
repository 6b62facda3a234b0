/** A state as a word, a colour and a shape: never a colour alone. */
import { useTranslation } from "react-i18next";
import css from "./page.module.css";

export type State =
  | "running" | "asleep" | "waiting" | "starting" | "draining" | "stopped" | "failed" | "healthy" | "late" | "firing" | "recovered"
  | "idle" | "active" | "inactive" | "broken" | "error" | "warning" | "ok" | "denied" | "expired" | "open" | "closed" | "live" | "lost" | "drifting" | "no baseline" | "serving" | "loading"
  | "done" | "stopping" | "cancelled";

const TONE: Record<State, "good" | "warn" | "late" | "bad" | "calm" | "idle"> = {
  running: "good", done: "good", stopping: "calm", serving: "good", loading: "calm", healthy: "good", ok: "good", active: "good", recovered: "good", open: "good", live: "good", lost: "warn",
  waiting: "warn", starting: "calm", draining: "calm", warning: "warn",
  late: "late", drifting: "late", "no baseline": "warn", firing: "bad", failed: "bad", broken: "bad", error: "bad", denied: "bad",
  cancelled: "idle", asleep: "idle", stopped: "idle", idle: "idle", inactive: "idle", expired: "idle", closed: "idle",
};
const HOLLOW = new Set<State>(["asleep", "waiting", "stopped", "stopping", "cancelled", "idle", "inactive", "expired", "closed", "starting", "loading", "lost", "no baseline"]);

export function StatusWord({ state, quiet = false, testId }: { state: State; quiet?: boolean; testId?: string }) {
  const { t } = useTranslation();
  return (
    <span className={css.status} data-tone={TONE[state]} data-quiet={quiet || undefined} data-state={state} data-testid={testId}>
      <i data-hollow={HOLLOW.has(state) || undefined} aria-hidden />
      {t(`state.${state}`)}
    </span>
  );
}
