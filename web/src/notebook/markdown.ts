/** Markdown as plain values: what cards and notebooks of ours are written in. Pure; raw HTML in it is text like any other.
 *
 * Headings, paragraphs, lists (one level), quotes, fenced code, tables, rules; bold, italic, code, links. What else there is stays text.
 */

export type Inline =
  | { kind: "text" | "code"; text: string }
  | { kind: "bold" | "italic"; inside: Inline[] }
  | { kind: "link"; href: string; inside: Inline[] };

export type Block =
  | { kind: "heading"; level: number; inside: Inline[] }
  | { kind: "paragraph" | "quote"; inside: Inline[] }
  | { kind: "list"; ordered: boolean; items: Inline[][] }
  | { kind: "code"; language: string; text: string }
  | { kind: "table"; head: Inline[][]; rows: Inline[][][]; numeric: boolean[] }
  | { kind: "rule" };

// A text within a text within a text: deeper is no sentence of a person.
const DEPTH_MAX = 6;

const FENCE = /^ {0,3}(```+|~~~+)\s*([\w+-]*)/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const ITEM = /^\s*(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/;
const RULE = /^ {0,3}(?:-{3,}|\*{3,}|_{3,})\s*$/;
const DIVIDER = /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;

export function parseMarkdown(source: string): Block[] {
  const lines = source.replace(/\r\n?/g, "\n").split("\n");
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at]!;
    const fence = FENCE.exec(line);
    const heading = HEADING.exec(line);
    if (!line.trim()) {
      at++;
    } else if (fence) {
      const end = lines.findIndex((one, place) => place > at && one.trim().startsWith(fence[1]!));
      const last = end < 0 ? lines.length : end;
      blocks.push({ kind: "code", language: fence[2]!.toLowerCase(), text: lines.slice(at + 1, last).join("\n") });
      at = last + 1;
    } else if (heading) {
      blocks.push({ kind: "heading", level: heading[1]!.length, inside: parseInline(heading[2]!) });
      at++;
    } else if (RULE.test(line)) {
      blocks.push({ kind: "rule" });
      at++;
    } else if (line.includes("|") && DIVIDER.test(lines[at + 1] ?? "") && (lines[at + 1] ?? "").includes("-")) {
      const head = cellsOf(line);
      const rows: string[][] = [];
      for (at += 2; at < lines.length && lines[at]!.includes("|"); at++) rows.push(cellsOf(lines[at]!));
      const numeric = head.map((_, place) => rows.length > 0 && rows.every((row) => /^[-+]?[\d,.]+(?:e[-+]?\d+)?\s?[%s]?$/i.test(row[place] ?? "")));
      blocks.push({ kind: "table", head: head.map((cell) => parseInline(cell)), rows: rows.map((row) => head.map((_, place) => parseInline(row[place] ?? ""))), numeric });
    } else if (ITEM.test(line)) {
      const ordered = ITEM.exec(line)![1] !== undefined;
      const items: string[] = [];
      for (; at < lines.length && lines[at]!.trim(); at++) {
        const item = ITEM.exec(lines[at]!);
        if (item) items.push(item[2]!);
        else items.push(`${items.pop() ?? ""} ${lines[at]!.trim()}`);
      }
      blocks.push({ kind: "list", ordered, items: items.map((item) => parseInline(item)) });
    } else {
      const quote = line.startsWith(">");
      const text: string[] = [];
      for (; at < lines.length && lines[at]!.trim() && !starts(lines[at]!, text.length > 0); at++) text.push(quote ? lines[at]!.replace(/^>\s?/, "") : lines[at]!.trim());
      blocks.push({ kind: quote ? "quote" : "paragraph", inside: parseInline(text.join(" ")) });
    }
  }
  return blocks;
}

/** Whether a line ends the paragraph before it. */
const starts = (line: string, within: boolean) => within && (FENCE.test(line) || HEADING.test(line) || ITEM.test(line) || RULE.test(line));

function cellsOf(line: string): string[] {
  const cells = line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/);
  return cells.map((cell) => cell.trim().replaceAll("\\|", "|"));
}

const MARK = /(`+)([^`][\s\S]*?)\1(?!`)|\*\*(?=\S)([\s\S]+?\S?)\*\*|(?<![\w*])\*(?=\S)([^*]+?)\*(?!\w)|(?<!\w)_(?=\S)([^_]+?)_(?!\w)|\[([^\]]+)\]\(([^()\s]+)\)|\\([\\`*_{}[\]()#+\-.!|])/;

export function parseInline(text: string, depth = 0): Inline[] {
  const found: Inline[] = [];
  let rest = text;
  while (rest) {
    const match = depth < DEPTH_MAX ? MARK.exec(rest) : null;
    if (!match) break;
    if (match.index) found.push({ kind: "text", text: rest.slice(0, match.index) });
    const [whole, , code, bold, star, bar, label, href, plain] = match;
    const italic = star ?? bar;
    if (code !== undefined) found.push({ kind: "code", text: code });
    else if (bold !== undefined) found.push({ kind: "bold", inside: parseInline(bold, depth + 1) });
    else if (italic !== undefined) found.push({ kind: "italic", inside: parseInline(italic, depth + 1) });
    else if (label !== undefined && href !== undefined) {
      const inside = parseInline(label, depth + 1);
      // Only what a browser opens as a page: no javascript:, no data:.
      if (/^https?:\/\//i.test(href)) found.push({ kind: "link", href, inside });
      else found.push(...inside);
    } else found.push({ kind: "text", text: plain ?? whole });
    rest = rest.slice(match.index + whole.length);
  }
  if (rest) found.push({ kind: "text", text: rest });
  return found;
}
