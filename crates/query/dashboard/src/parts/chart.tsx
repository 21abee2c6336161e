// Counts over time: uPlot on a canvas, with its figures as a table for whoever does not see it.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { theme } from "../state/theme.ts";
import { told, zone } from "../state/zone.ts";
import { compact, cut, number, visible } from "./text.tsx";
import { Scroll } from "./scroll.tsx";

export interface Series {
  label: string;
  /** One a time; null where nothing is known. */
  values: (number | null)[];
  /** A custom property of the style sheet. */
  color: string;
  isDashed?: boolean;
}

interface Props {
  title: string;
  /** When each value begins, in milliseconds since 1970, ascending. */
  times: number[];
  series: Series[];
  /** Called with the range that was marked by dragging, in milliseconds since 1970. */
  onMark?: ((from: number, to: number) => void) | undefined;
}

const HEIGHT_PX = 260;

/** How an axis tells times, by how far its marks are apart in seconds: what stands at each, and below where a day or a year begins. */
const TIMES: uPlot.Axis.Values = [
  [86_400 * 365, "{YYYY}", null, null, null, null, null, null, 1],
  [86_400 * 28, "{YYYY}-{MM}", null, null, null, null, null, null, 1],
  [86_400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{YYYY}-{MM}-{DD}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, "\n{YYYY}-{MM}-{DD}", null, null, null, 1],
];

/** The colours of series, in their order. */
export const COLORS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"] as const;

/** How many times the table shows: the latest. */
const ROWS_SHOWN = 200;

export function Chart(props: Props): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const mark = useRef(props.onMark);
  mark.current = props.onMark;
  const { title } = props;
  const { times, series } = useWhileMarking(box, props);
  // Colours and the way times are told are the plot's own: it is made anew where they change.
  const make = [theme.value, zone.value, series.map(({ label, color }) => label + color).join("\n")].join("\n");

  const plot = useRef<uPlot | null>(null);
  useEffect(() => {
    const place = box.current;
    if (place === null) return;
    const made = new uPlot(options(place, series, setAt, mark), data(times, series), place);
    plot.current = made;
    // It knows where it is from when it was drawn, and what stands above it may have come since.
    const locate = (): void => made.syncRect(false);
    place.addEventListener("mouseenter", locate);
    const watch = new ResizeObserver(() => made.setSize({ width: place.clientWidth, height: HEIGHT_PX }));
    watch.observe(place);
    return () => {
      watch.disconnect();
      place.removeEventListener("mouseenter", locate);
      made.destroy();
      plot.current = null;
    };
  }, [make]);
  useEffect(() => {
    plot.current?.setData(data(times, series));
  }, [times, series]);

  return (
    <figure class="chart">
      <figcaption>
        <span>{title}</span>
        <span class="at">{at !== null && times[at] !== undefined ? told(new Date(times[at])) : " "}</span>
      </figcaption>
      <div ref={box} class="plot" role="img" aria-label={spoken(title, series)} />
      <Legend series={series} at={at} />
      <Figures {...props} />
    </figure>
  );
}

/** What is drawn stays while a range is marked: a plot that is made anew would take the mark away under the pointer. */
function useWhileMarking(box: { current: HTMLDivElement | null }, latest: Props): Pick<Props, "times" | "series"> {
  const [isMarking, setMarking] = useState(false);
  const drawn = useRef(latest);
  if (!isMarking) drawn.current = latest;
  useEffect(() => {
    const begin = (): void => setMarking(true);
    const end = (): void => setMarking(false);
    const place = box.current;
    place?.addEventListener("mousedown", begin);
    document.addEventListener("mouseup", end);
    return () => {
      place?.removeEventListener("mousedown", begin);
      document.removeEventListener("mouseup", end);
    };
  }, []);
  return drawn.current;
}

function spoken(title: string, series: Series[]): string {
  const sums = series.map(({ label, values }) => `${visible(cut(label, 60))}: ${number(sum(values))}`);
  return `${title}. Together: ${sums.join("; ")}`;
}

/** What is not known is not nothing. */
function figure(value: number | null | undefined): string {
  return value == null ? "–" : number(value);
}

function sum(values: (number | null)[]): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}

function Legend({ series, at }: { series: Series[]; at: number | null }): JSX.Element {
  return (
    <ul class="legend">
      {series.map(({ label, values, color, isDashed }, place) => (
        <li key={place}>
          <span class={isDashed === true ? "key dashed" : "key"} style={{ "--key": `var(${color})` }} />
          <bdi>{visible(cut(label, 60))}</bdi>
          <b>{at === null ? compact(sum(values)) : figure(values[at])}</b>
        </li>
      ))}
    </ul>
  );
}

/** The same figures as text. */
function Figures({ title, times, series }: Props): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  const first = Math.max(times.length - ROWS_SHOWN, 0);
  return (
    <details class="figures" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      {isOpen && (
        <Scroll label={`${title}, as a table`}>
          <table>
            <thead>
              <tr>
                <th scope="col">From</th>
                {series.map(({ label }, place) => (
                  <th scope="col" class="figure" key={place}>
                    {visible(cut(label, 60))}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times.slice(first).map((time, row) => (
                <tr key={time}>
                  <td>{told(new Date(time))}</td>
                  {series.map(({ values }, place) => (
                    <td class="figure" key={place}>
                      {figure(values[first + row])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
          {first > 0 && <p class="quiet">The latest {number(ROWS_SHOWN)} of {number(times.length)}.</p>}
        </Scroll>
      )}
    </details>
  );
}

function data(times: number[], series: Series[]): uPlot.AlignedData {
  return [times.map((time) => time / 1_000), ...series.map(({ values }) => values)];
}

function options(
  place: HTMLElement,
  series: Series[],
  setAt: (at: number | null) => void,
  mark: { current: Props["onMark"] },
): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = { stroke: color("--quiet"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line"), width: 1 } };
  return {
    width: place.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    tzDate: (at) => uPlot.tzDate(new Date(at * 1_000), zone.value),
    cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(max * 1.05, 1)] } },
    axes: [{ ...axis, values: TIMES }, { ...axis, size: 56, values: (_plot, values) => values.map((value) => (Number.isInteger(value) ? compact(value) : "")) }],
    series: [
      {},
      ...series.map(({ label, values, color: name, isDashed }): uPlot.Series => ({
        label,
        stroke: color(name),
        // Where points stand closer than pixels, thick lines cost most of the time of a drawing and show nothing more.
        width: values.length > place.clientWidth ? 1 : 1.5,
        ...(isDashed === true ? { dash: [5, 4] } : {}),
        points: { show: false },
      })),
    ],
    hooks: {
      setCursor: [(plot) => setAt(plot.cursor.idx ?? null)],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < 4) return;
          mark.current?.(plot.posToVal(left, "x") * 1_000, plot.posToVal(left + width, "x") * 1_000);
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

/** A line as small as a word. */
export function Spark({ values, label }: { values: number[]; label: string }): JSX.Element {
  const most = Math.max(...values, 1);
  const width = 100 / Math.max(values.length, 1);
  return (
    <svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" role="img" aria-label={label}>
      {values.map((value, at) => {
        const height = value === 0 ? 0.5 : Math.max((24 * value) / most, 1.5);
        return <rect key={at} x={at * width} y={24 - height} width={Math.max(width - 0.6, 0.4)} height={height} />;
      })}
    </svg>
  );
}
