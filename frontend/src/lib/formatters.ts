/** How figures are written for people. */

import { micros, usd } from "./money";

export const NONE = "–";
const GROUPS = /\B(?=(\d{3})+(?!\d))/g;

/** A price per GPU-hour: "2.4500" as $2.45, with as many digits as it needs, two to four. */
export function price(value: string | null | undefined): string {
  if (value == null) return NONE;
  const amount = micros(value);
  if (amount === null) return NONE;
  const text = usd(amount, 4).replace(/0{1,2}$/, "");
  return `$${grouped(text)}`;
}

/** A price with all its four digits, for columns where digits stand below each other. */
export function ladderPrice(value: string): string {
  const amount = micros(value);
  return amount === null ? NONE : usd(amount, 4);
}

/** An amount of money: "1234.567" as $1,234.57, from a million on in short. */
export function money(value: string | null | undefined): string {
  if (value == null) return NONE;
  const amount = micros(value);
  if (amount === null) return NONE;
  if (amount >= 1_000_000_000_000n) return `$${usd(amount / 1_000_000n, 2)}M`;
  return `$${grouped(usd(amount, 2))}`;
}

export function count(value: number | null | undefined): string {
  return value == null ? NONE : grouped(String(Math.round(value)));
}

/** So many of something: "1 GPU", "3 GPUs". */
export function counted(value: number, what: string): string {
  return `${count(value)} ${what}${value === 1 ? "" : "s"}`;
}

/** A part of one: 0.714 as 71 % (or with digits 71.4 %). */
export function percent(value: number | null | undefined, digits = 0): string {
  return value == null ? NONE : `${(value * 100).toFixed(digits)} %`;
}

export function celsius(value: number | null | undefined): string {
  return value == null ? NONE : `${Math.round(value)} °C`;
}

export function watts(value: number | null | undefined): string {
  if (value == null) return NONE;
  return value >= 1_000 ? `${(value / 1_000).toFixed(1)} kW` : `${Math.round(value)} W`;
}

/** Bytes a second. */
export function rate(value: number | null | undefined): string {
  if (value == null) return NONE;
  const units = ["B/s", "kB/s", "MB/s", "GB/s"];
  const power = Math.min(value < 1 ? 0 : Math.floor(Math.log10(value) / 3), units.length - 1);
  return `${(value / 1_000 ** power).toFixed(power ? 1 : 0)} ${units[power]}`;
}

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const MOMENT = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});

/** The time of day, in the reader's own zone. */
export function clock(time: string | number): string {
  return CLOCK.format(new Date(time));
}

/** Day and time, in the reader's own zone. */
export function moment(time: string | null | undefined): string {
  return time == null ? NONE : MOMENT.format(new Date(time));
}

export function day(time: string): string {
  return DAY.format(new Date(time));
}

/** Hours as days where they are whole: 48 as 2 d. */
export function hours(value: number | null | undefined): string {
  if (value == null) return NONE;
  return value >= 48 && value % 24 === 0 ? `${grouped(String(value / 24))} d` : `${grouped(String(value))} h`;
}

/** How long ago or how far ahead, in its greatest unit. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** How much a figure differs from what it was: +12 %; null where that says nothing. */
export function change(now: number | null, before: number | null): { text: string; up: boolean } | null {
  if (now === null || before === null || before === 0) return null;
  const part = (now - before) / before;
  const size = Math.abs(part);
  if (size < 0.0005) return { text: "±0 %", up: true };
  const shown = `${(size * 100).toFixed(size < 0.1 ? 1 : 0)} %`;
  return { text: size >= 10 ? "> 10×" : `${part > 0 ? "+" : "−"}${shown}`, up: part > 0 };
}

/** The first part of an id: enough to tell two apart on a screen. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}

function grouped(text: string): string {
  const [whole = "", fraction] = text.split(".");
  const wholes = whole.replace(GROUPS, ",");
  return fraction === undefined ? wholes : `${wholes}.${fraction}`;
}
