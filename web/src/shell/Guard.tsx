/** Nobody sees a page without being signed in; who is not, signs in right where they are. */
import { Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { asProblem } from "../api/problem";
import { ProblemCard } from "../page/ProblemCard";
import { meQuery } from "../session/me";
import { SignIn } from "../session/SignIn";
import { Frame } from "./Frame";

export function Guard() {
  const me = useQuery(meQuery);
  if (me.error && asProblem(me.error).status === 401) return <SignIn />;
  if (me.data) return <Frame />;
  return (
    <div style={{ minHeight: "60dvh", display: "grid", placeItems: "center", padding: 24 }}>
      {me.error ? <ProblemCard error={me.error} retry={() => void me.refetch()} /> : <Loader size="sm" color="gray" />}
    </div>
  );
}
