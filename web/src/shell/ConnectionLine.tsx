/** A quiet line at the top while the live connection is lost. */
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { reconnect, useConnection } from "../api/live";
import { useFormat } from "../i18n/format";
import css from "./frame.module.css";

// A blink during a restart is not worth a word.
const QUIET_MS = 1_500;

export function ConnectionLine() {
  const { t } = useTranslation();
  const format = useFormat();
  const connection = useConnection();
  const [shown, setShown] = useState(false);
  const lost = connection.state === "lost";
  useEffect(() => {
    if (!lost) {
      setShown(false);
      return;
    }
    const timer = setTimeout(() => setShown(true), QUIET_MS);
    return () => clearTimeout(timer);
  }, [lost]);
  return (
    <div role="status" aria-live="polite">
      {lost && shown ? (
        <div className={css.lost} data-testid="connection-lost">
          {connection.lastAtMs === null ? t("frame.lostNever") : t("frame.lost", { when: format.clock(connection.lastAtMs) })}
          <button type="button" onClick={reconnect}>
            {t("frame.reconnect")}
          </button>
        </div>
      ) : null}
    </div>
  );
}
