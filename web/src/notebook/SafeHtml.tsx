/** HTML of a notebook's output, such as a table of pandas, as elements of ours.
 *
 * Promise: nothing of it runs and nothing of it is loaded. It is parsed into a document that has no window, and only the elements
 * named here are made again, without any attribute but the spans of cells; of all others the text is left.
 */
import { createElement, type ReactNode, useMemo } from "react";
import css from "./notebook.module.css";

const KEPT = new Set(
  "table thead tbody tfoot tr th td caption p div span b strong i em u s small sub sup code pre br hr ul ol li dl dt dd blockquote h1 h2 h3 h4 h5 h6".split(" "),
);
const VOID = new Set(["br", "hr"]);
// Whose text is no text for a reader.
const DROPPED = new Set(["script", "style", "template", "noscript", "iframe", "object", "embed", "svg", "math", "head", "title"]);

const DEPTH_MAX = 40;
const NODES_MAX = 20_000;
const SPAN_MAX = 200;

export function SafeHtml({ html }: { html: string }) {
  const made = useMemo(() => safeNodes(html), [html]);
  return (
    <div className={css.html} tabIndex={0} role="group">
      {made}
    </div>
  );
}

export function safeNodes(html: string): ReactNode[] {
  const body = new DOMParser().parseFromString(html, "text/html").body;
  let left = NODES_MAX;
  function made(node: Node, key: number, depth: number): ReactNode {
    if (left-- <= 0 || depth > DEPTH_MAX) return null;
    if (node.nodeType === Node.TEXT_NODE) return node.textContent;
    if (!(node instanceof Element)) return null;
    const tag = node.localName;
    if (DROPPED.has(tag)) return null;
    const inside = () => [...node.childNodes].map((child, place) => made(child, place, depth + 1)).filter((child) => !(parts(tag) && typeof child === "string"));
    if (!KEPT.has(tag)) return createElement("span", { key }, ...inside());
    if (VOID.has(tag)) return createElement(tag, { key });
    const cell = tag === "td" || tag === "th";
    return createElement(tag, { key, ...(cell ? { colSpan: span(node, "colspan"), rowSpan: span(node, "rowspan") } : {}) }, ...inside());
  }
  return [...body.childNodes].map((node, place) => made(node, place, 0));
}

/** Between rows and cells there is no text, only the writer's line breaks. */
const parts = (tag: string) => tag === "table" || tag === "thead" || tag === "tbody" || tag === "tfoot" || tag === "tr";

function span(node: Element, name: string): number | undefined {
  const value = Number(node.getAttribute(name));
  return Number.isInteger(value) && value > 1 ? Math.min(value, SPAN_MAX) : undefined;
}
