import { expect, test } from "vitest";
import { highlight } from "./highlight";

test("the pieces put together are the code again", () => {
  const code = "SELECT 'it''s', 12.5 -- 메모\nFROM \"표\" WHERE a = 1";
  expect(highlight(code, "sql").map((piece) => piece.text).join("")).toBe(code);
});

test("words, strings, numbers and comments are told apart", () => {
  expect(highlight("select 'x' -- y", "sql").map((piece) => piece.kind)).toEqual(["keyword", "plain", "string", "plain", "comment"]);
});

test("a docstring is one text, whatever stands in it", () => {
  const pieces = highlight('def f():\n    """It\'s "one"\n    # text.\n    """\n    raise', "python");
  expect(pieces.find((piece) => piece.kind === "string")?.text).toBe('"""It\'s "one"\n    # text.\n    """');
  expect(pieces.some((piece) => piece.kind === "comment")).toBe(false);
  expect(pieces.at(-1)).toEqual({ kind: "keyword", text: "raise" });
});
