export function TableList() { return <p>…</p>; }
