/** The shape of a rate in a line of text: no axes, no library. The number stands beside it. */
const WIDTH = 120;
const HEIGHT = 28;

export function Sparkline({ values, colour }: { values: number[]; colour: string }) {
  if (values.length < 2) return <svg width={WIDTH} height={HEIGHT} aria-hidden />;
  const top = Math.max(...values, 1e-9) * 1.08;
  const step = WIDTH / (values.length - 1);
  const points = values.map((value, index) => `${(index * step).toFixed(1)},${(HEIGHT - 1.5 - (value / top) * (HEIGHT - 3)).toFixed(1)}`);
  return (
    <svg width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden style={{ display: "block" }}>
      <polygon points={`0,${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}`} fill={colour} opacity={0.13} />
      <polyline points={points.join(" ")} fill="none" stroke={colour} strokeWidth={1.5} strokeLinejoin="round" />
    </svg>
  );
}
