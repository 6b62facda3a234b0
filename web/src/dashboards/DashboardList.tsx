export function DashboardList() { return <p>…</p>; }
