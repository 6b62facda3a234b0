import { expect, test } from "vitest";
import { parseInline, parseMarkdown } from "./markdown";

test("headings, lists, code and paragraphs of a card", () => {
  const blocks = parseMarkdown("# Card\n\nTwo\nlines.\n\n- one `a|b`\n- two\n\n```python\nx = 1\n# no heading\n```\n---\n1. first\n2. second");
  expect(blocks.map((block) => block.kind)).toEqual(["heading", "paragraph", "list", "code", "rule", "list"]);
  expect(blocks[1]).toEqual({ kind: "paragraph", inside: [{ kind: "text", text: "Two lines." }] });
  expect(blocks[3]).toEqual({ kind: "code", language: "python", text: "x = 1\n# no heading" });
  expect(blocks[5]).toMatchObject({ ordered: true });
});

test("a table, its numbers at the right", () => {
  const [table] = parseMarkdown("| member | weight |\n|---|---|\n| a \\| b | 0.512 |\n| `c` | 1e-3 |");
  expect(table).toMatchObject({ kind: "table", numeric: [false, true] });
  expect((table as { rows: unknown[][] }).rows[0]![0]).toEqual([{ kind: "text", text: "a | b" }]);
});

test("bold, italic, code and links; what is no page's address is no link", () => {
  expect(parseInline("**left out:** a_b_c *so*")).toEqual([
    { kind: "bold", inside: [{ kind: "text", text: "left out:" }] },
    { kind: "text", text: " a_b_c " },
    { kind: "italic", inside: [{ kind: "text", text: "so" }] },
  ]);
  expect(parseInline("[see](https://example.org/a)")).toMatchObject([{ kind: "link", href: "https://example.org/a" }]);
  expect(parseInline("[see](javascript:alert(1))").some((one) => one.kind === "link")).toBe(false);
  expect(parseInline("[see](data:text/html,x)")).toEqual([{ kind: "text", text: "see" }]);
});

test("HTML stays text", () => {
  expect(parseMarkdown("<script>alert(1)</script>")).toEqual([{ kind: "paragraph", inside: [{ kind: "text", text: "<script>alert(1)</script>" }] }]);
});

test("text without an end is text, quickly", () => {
  const odd = "**".repeat(4_000) + "`".repeat(2_001);
  const begin = performance.now();
  parseMarkdown(odd);
  expect(performance.now() - begin).toBeLessThan(2_000);
});
