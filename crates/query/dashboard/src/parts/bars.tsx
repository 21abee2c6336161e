import type { JSX } from "preact";
import { Link } from "./link.tsx";
import { number, percent, Sent } from "./text.tsx";

export interface Bar {
  label: string;
  count: number;
  /** Whether it stands for many, and leads nowhere. */
  isRest: boolean;
}

/** Groups beside each other, the largest first. */
export function Bars({ title, groups, to }: { title: string; groups: Bar[]; to(label: string): string }): JSX.Element {
  const sum = groups.reduce((total, { count }) => total + count, 0);
  const most = Math.max(...groups.map(({ count }) => count), 1);
  return (
    <section class="card">
      <h2>{title}</h2>
      <table class="bars">
        <tbody>
          {groups.map(({ label, count, isRest }, at) => (
            <tr key={at}>
              <th scope="row">{isRest ? label : <Link href={to(label)}><Sent chars={60}>{label}</Sent></Link>}</th>
              <td class="bar">
                <span style={{ width: `${(100 * count) / most}%` }} />
              </td>
              <td class="figure">{number(count)}</td>
              <td class="figure quiet">{percent(count, sum)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
