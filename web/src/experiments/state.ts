/** A run's status in Studio's words of states. */
import type { State } from "../page/StatusWord";
import type { RunStatus } from "./data";

export const STATE: Record<RunStatus, State> = { running: "running", scheduled: "waiting", finished: "ok", failed: "failed", killed: "stopped" };
