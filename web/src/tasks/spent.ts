/** How many seconds a task has spent, moving on between two answers of the server. */
import { useEffect, useState } from "react";

const TICK_MS = 500;

export function useSpentS(toldS: number, running: boolean): number {
  const [seen, setSeen] = useState({ toldS, atMs: Date.now() });
  const [nowMs, setNowMs] = useState(() => Date.now());
  if (seen.toldS !== toldS) setSeen({ toldS, atMs: Date.now() });
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => setNowMs(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, [running]);
  return running ? toldS + Math.max(0, nowMs - seen.atMs) / 1000 : toldS;
}
