/** Markdown drawn as elements of ours: nothing of it becomes HTML. */
import { Fragment, type ReactNode, useMemo } from "react";
import { CodeBlock } from "../code/CodeBlock";
import type { CodeLanguage } from "../code/highlight";
import { type Block, type Inline, parseMarkdown } from "./markdown";
import css from "./notebook.module.css";

const LANGUAGES: Record<string, CodeLanguage> = { python: "python", py: "python", sql: "sql", json: "json", sh: "shell", shell: "shell", bash: "shell" };

/** `under`: how many levels of headings the page around it has already. */
export function Markdown({ source, under = 1 }: { source: string; under?: number }) {
  const blocks = useMemo(() => parseMarkdown(source), [source]);
  return (
    <div className={css.markdown}>
      {blocks.map((block, place) => (
        <Fragment key={place}>{drawn(block, under)}</Fragment>
      ))}
    </div>
  );
}

function drawn(block: Block, under: number): ReactNode {
  switch (block.kind) {
    case "heading": {
      const Heading = `h${Math.min(6, block.level + under)}` as "h2";
      return <Heading data-level={block.level}>{inline(block.inside)}</Heading>;
    }
    case "paragraph":
      return <p>{inline(block.inside)}</p>;
    case "quote":
      return <blockquote>{inline(block.inside)}</blockquote>;
    case "list": {
      const items = block.items.map((item, place) => <li key={place}>{inline(item)}</li>);
      return block.ordered ? <ol>{items}</ol> : <ul>{items}</ul>;
    }
    case "code":
      return <CodeBlock code={block.text} language={LANGUAGES[block.language] ?? "shell"} />;
    case "rule":
      return <hr />;
    case "table":
      return (
        <div className={css.wide} tabIndex={0} role="group">
          <table>
            <thead>
              <tr>
                {block.head.map((cell, place) => (
                  <th key={place} scope="col" data-numeric={block.numeric[place] || undefined}>
                    {inline(cell)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {block.rows.map((row, number) => (
                <tr key={number}>
                  {row.map((cell, place) => (
                    <td key={place} data-numeric={block.numeric[place] || undefined}>
                      {inline(cell)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      );
  }
}

function inline(pieces: Inline[]): ReactNode {
  return pieces.map((piece, place) => {
    switch (piece.kind) {
      case "text":
        return <Fragment key={place}>{piece.text}</Fragment>;
      case "code":
        return <code key={place}>{piece.text}</code>;
      case "bold":
        return <b key={place}>{inline(piece.inside)}</b>;
      case "italic":
        return <em key={place}>{inline(piece.inside)}</em>;
      case "link":
        return (
          <a key={place} href={piece.href} target="_blank" rel="noopener noreferrer">
            {inline(piece.inside)}
          </a>
        );
    }
  });
}
