/** Whether a text is a dashboard, said in words before the server has to. */
import type { DashboardSpec } from "./data";

const TYPES = ["line", "bar", "table", "counter", "alerts"];

export type Checked = { ok: true; spec: DashboardSpec } | { ok: false; message: string };

export function checkSpec(text: string): Checked {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : "JSON" };
  }
  const spec = value as Partial<DashboardSpec> | null;
  if (typeof spec !== "object" || spec === null || typeof spec.title !== "string") return { ok: false, message: "title" };
  if (!Array.isArray(spec.widgets)) return { ok: false, message: "widgets" };
  const ids = new Set<string>();
  for (const [index, widget] of spec.widgets.entries()) {
    const at = `widgets[${index}]`;
    if (typeof widget !== "object" || widget === null) return { ok: false, message: at };
    if (typeof widget.id !== "string" || ids.has(widget.id)) return { ok: false, message: `${at}.id` };
    ids.add(widget.id);
    if (typeof widget.title !== "string") return { ok: false, message: `${at}.title` };
    if (!TYPES.includes(widget.type)) return { ok: false, message: `${at}.type: ${TYPES.join(", ")}` };
    if (widget.y !== undefined && !Array.isArray(widget.y)) return { ok: false, message: `${at}.y` };
    if (widget.width !== undefined && ![1, 2, 3].includes(widget.width)) return { ok: false, message: `${at}.width: 1, 2, 3` };
    if (widget.height !== undefined && ![1, 2].includes(widget.height)) return { ok: false, message: `${at}.height: 1, 2` };
  }
  return { ok: true, spec: spec as DashboardSpec };
}
