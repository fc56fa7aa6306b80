/** What a form's field may hold: the API's own rules, so that a refusal is seen before it is sent. */

import { RULES } from "../generated/rules";
import { micros } from "./money";

export type Form = keyof typeof RULES;

interface Rule {
  rule: string;
  type?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
}

const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)$/;

/** The rule that this text breaks as the field of a form, in the API's words; null if it breaks none. */
export function broken(form: Form, field: string, text: string): string | null {
  const rule = ruleOf(form, field);
  return rule === null || obeys(rule, field, text.trim()) ? null : rule.rule;
}

/** The rule of a field in words, without the number of the market's rule. */
export function hint(form: Form, field: string): string {
  return (ruleOf(form, field)?.rule ?? "")
    .replace(/ \([A-Z]\d+\)/g, "")
    .replace("a JSON integer", "a whole number");
}

/** All that is wrong with these fields of a form, by field. */
export function wrong(form: Form, fields: Record<string, string>): Record<string, string> {
  const found = Object.entries(fields).map(([name, text]) => [name, broken(form, name, text)] as const);
  return Object.fromEntries(found.filter((each): each is readonly [string, string] => each[1] !== null));
}

function ruleOf(form: Form, field: string): Rule | null {
  const fields: Record<string, Rule> = RULES[form];
  return fields[field] ?? null;
}

function obeys(rule: Rule, field: string, text: string): boolean {
  if (field === "ip_address") return ADDRESS.test(text);
  if (rule.type === "integer") return isWholeIn(rule, text);
  if (/price$/.test(field) && !isPrice(text)) return false;
  const longEnough = text.length >= (rule.minLength ?? 0);
  const shortEnough = text.length <= (rule.maxLength ?? Number.POSITIVE_INFINITY);
  return longEnough && shortEnough && (rule.pattern === undefined || new RegExp(rule.pattern).test(text));
}

function isWholeIn(rule: Rule, text: string): boolean {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return value >= (rule.minimum ?? 0) && value <= (rule.maximum ?? Number.POSITIVE_INFINITY);
}

function isPrice(text: string): boolean {
  const amount = micros(text);
  return amount !== null && amount >= 100n && amount <= 1_000_000_000n;
}
