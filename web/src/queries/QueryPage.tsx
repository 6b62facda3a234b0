export function QueryPage() { return <p>…</p>; }
