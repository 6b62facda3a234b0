/** Where one statement ends and the next begins. Knows strings, quoted names, comments and dollar quotes; nothing else. */

export type Statement = { /** place of the first character in the text */ from: number; text: string };

const TOKEN = /'(?:[^']|'')*'?|"(?:[^"]|"")*"?|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\$(\w*)\$[\s\S]*?(?:\$\1\$|$)|;|[^'"\-/$;]+|[\s\S]/g;

export function statementsOf(text: string): (Statement & { to: number })[] {
  const statements: (Statement & { to: number })[] = [];
  let start = 0;
  const close = (end: number, to: number) => {
    const piece = text.slice(start, end);
    const trimmed = piece.trim();
    if (trimmed) statements.push({ from: start + piece.indexOf(trimmed), text: trimmed, to });
    start = to;
  };
  for (const match of text.matchAll(TOKEN)) {
    if (match[0] === ";") close(match.index, match.index + 1);
  }
  close(text.length, text.length);
  return statements;
}

/** The statement that the cursor is in; right after a semicolon that is the one before it. */
export function statementAt(text: string, cursor: number): Statement | null {
  const statements = statementsOf(text);
  return statements.find((one) => cursor <= one.to) ?? statements.at(-1) ?? null;
}

/** From a line and column (from 1) in a part of the text to an offset in the whole. */
export function offsetOf(part: Statement, line: number, column: number): number {
  const lines = part.text.split("\n");
  const before = lines.slice(0, Math.max(0, line - 1)).reduce((sum, one) => sum + one.length + 1, 0);
  const inLine = Math.min(Math.max(0, column - 1), lines[Math.min(line, lines.length) - 1]?.length ?? 0);
  return part.from + Math.min(before + inLine, part.text.length);
}

/** From an offset in the text to a line and column, from 1. */
export function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: before.at(-1)!.length + 1 };
}
