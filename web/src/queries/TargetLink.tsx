/** Where a query writes: a table, or `stream:<name>`. */
import { Link } from "@tanstack/react-router";

export function TargetLink({ target, plain = false }: { target: string; /** without the word stream: */ plain?: boolean }) {
  if (target.startsWith("stream:")) {
    const name = target.slice("stream:".length);
    return (
      <Link to="/streams/$name" params={{ name }} className="cut" title={target}>
        {plain ? name : target}
      </Link>
    );
  }
  return (
    <Link to="/tables/$name" params={{ name: target }} className="cut" title={target}>
      {target}
    </Link>
  );
}
