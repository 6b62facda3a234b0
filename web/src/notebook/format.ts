/** A notebook's file as what is drawn of it. Pure. Whatever is odd in it is left out: the file can be downloaded as it is. */

export type Output =
  | { kind: "text" | "error" | "html" | "markdown"; text: string }
  | { kind: "image"; /** data: address */ src: string };

export type Cell = { kind: "markdown"; source: string } | { kind: "code"; source: string; count: number | null; outputs: Output[] };

export type NotebookFile = { cells: Cell[]; language: string };

// Colours of a terminal.
const ANSI = /\u001b\[[0-9;]*m/g;

const IMAGES = ["image/png", "image/jpeg", "image/gif"];

/** Throws a SyntaxError for what is no notebook. */
export function readNotebook(text: string): NotebookFile {
  const file = JSON.parse(text) as { cells?: unknown; metadata?: { language_info?: { name?: unknown } } } | null;
  if (!file || !Array.isArray(file.cells)) throw new SyntaxError("no cells");
  const cells = file.cells.flatMap((cell): Cell[] => {
    const one = (cell ?? {}) as Record<string, unknown>;
    const source = joined(one.source);
    if (one.cell_type === "markdown") return [{ kind: "markdown", source }];
    if (one.cell_type !== "code") return [];
    const outputs = Array.isArray(one.outputs) ? one.outputs : [];
    return [{ kind: "code", source, count: typeof one.execution_count === "number" ? one.execution_count : null, outputs: outputs.flatMap(outputOf) }];
  });
  const language = file.metadata?.language_info?.name;
  return { cells, language: typeof language === "string" ? language : "python" };
}

/** The richest form that can be shown harmlessly: a picture, then a table, then text. */
function outputOf(output: unknown): Output[] {
  const one = (output ?? {}) as Record<string, unknown>;
  if (one.output_type === "stream") return [{ kind: "text", text: joined(one.text).replace(ANSI, "") }];
  if (one.output_type === "error") {
    const lines = Array.isArray(one.traceback) ? one.traceback.map(String).join("\n") : `${String(one.ename)}: ${String(one.evalue)}`;
    return [{ kind: "error", text: lines.replace(ANSI, "") }];
  }
  const data = (one.data ?? {}) as Record<string, unknown>;
  for (const mime of IMAGES) {
    const code = joined(data[mime]).replace(/\s/g, "");
    if (code && /^[A-Za-z0-9+/]+=*$/.test(code)) return [{ kind: "image", src: `data:${mime};base64,${code}` }];
  }
  const svg = joined(data["image/svg+xml"]);
  // As a picture: a browser runs no script of an image and loads nothing for it.
  if (svg) return [{ kind: "image", src: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}` }];
  const html = joined(data["text/html"]);
  if (html) return [{ kind: "html", text: html }];
  const markdown = joined(data["text/markdown"]);
  if (markdown) return [{ kind: "markdown", text: markdown }];
  const text = joined(data["text/plain"]);
  return text ? [{ kind: "text", text: text.replace(ANSI, "") }] : [];
}

/** A notebook keeps texts whole or as a list of lines. */
function joined(text: unknown): string {
  if (typeof text === "string") return text;
  return Array.isArray(text) ? text.map(String).join("") : "";
}
