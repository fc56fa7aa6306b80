/** What all components share: buttons, fields, tables, panels. */

import { css } from "lit";

export const controls = css`
  :host {
    display: block;
    position: relative;
    box-sizing: border-box;
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  h1,
  h2,
  h3,
  p,
  dl,
  dd,
  ul,
  ol {
    margin: 0;
    padding: 0;
  }
  h1 {
    font-size: 20px;
    line-height: 1.25;
  }
  h2 {
    font-size: 13px;
    font-weight: 650;
    letter-spacing: 0.005em;
  }
  h3 {
    font-size: 12px;
    font-weight: 650;
  }
  a {
    color: var(--accent);
    text-underline-offset: 2px;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 1px;
    border-radius: 4px;
  }
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  .quiet {
    color: var(--ink-3);
  }
  .number,
  .mono {
    font-variant-numeric: tabular-nums;
  }
  .mono {
    font-family: var(--mono);
    font-size: 12px;
  }
  .bid {
    color: var(--bid);
  }
  .ask {
    color: var(--ask);
  }
  .warn {
    color: var(--warn);
  }

  button {
    font: inherit;
    color: var(--ink);
    background: var(--surface);
    border: 1px solid var(--line-strong);
    border-radius: 6px;
    padding: 4px 10px;
    min-height: 28px;
    cursor: pointer;
    white-space: nowrap;
  }
  button:hover:not(:disabled) {
    background: var(--hover);
  }
  button:disabled {
    cursor: default;
    opacity: 0.55;
  }
  button.primary {
    background: var(--accent);
    border-color: var(--accent);
    color: var(--accent-ink);
    font-weight: 600;
  }
  button.primary:hover:not(:disabled) {
    background: color-mix(in srgb, var(--accent) 88%, var(--ink));
  }
  button.buy {
    background: var(--bid);
    border-color: var(--bid);
    color: light-dark(#fff, #05140d);
    font-weight: 600;
  }
  button.sell {
    background: var(--ask);
    border-color: var(--ask);
    color: light-dark(#fff, #1d0706);
    font-weight: 600;
  }
  button.danger {
    color: var(--ask);
    border-color: var(--ask);
  }
  button.plain {
    border-color: transparent;
    background: transparent;
    color: var(--accent);
    padding: 2px 6px;
    min-height: 24px;
  }

  label,
  .label {
    display: block;
    font-size: 12px;
    color: var(--ink-2);
    font-weight: 550;
  }
  input,
  select {
    font: inherit;
    font-weight: 450;
    font-variant-numeric: tabular-nums;
    color: var(--ink);
    background: var(--surface);
    border: 1px solid var(--line-strong);
    border-radius: 6px;
    padding: 4px 8px;
    min-height: 30px;
    width: 100%;
    min-width: 0;
  }
  input[type="checkbox"] {
    width: 16px;
    min-height: 16px;
    height: 16px;
    margin: 0;
    accent-color: var(--accent);
    flex: none;
  }
  input[aria-invalid="true"],
  select[aria-invalid="true"] {
    border-color: var(--ask);
  }
  .check {
    display: flex;
    gap: 8px;
    align-items: center;
    font-weight: 400;
    color: var(--ink);
    min-height: 24px;
  }
  .fields {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(120px, 1fr));
    gap: 10px;
    align-items: start;
  }
  .field > input,
  .field > select {
    margin-top: 3px;
  }
  .fault {
    color: var(--ask);
    font-size: 12px;
  }
  .field > .fault {
    display: block;
  }
  .hint {
    color: var(--ink-3);
    font-size: 12px;
  }
  .actions {
    display: flex;
    gap: 8px;
    align-items: center;
    justify-content: flex-end;
    flex-wrap: wrap;
  }

  .panel {
    background: var(--surface);
    border: 1px solid var(--line);
    border-radius: var(--radius);
    display: flex;
    flex-direction: column;
    min-width: 0;
    min-height: 0;
  }
  .panel > header {
    display: flex;
    align-items: center;
    gap: 4px 10px;
    padding: 4px 12px;
    min-height: 40px;
    border-bottom: 1px solid var(--line);
    flex: none;
    flex-wrap: wrap;
  }
  .panel > header .end {
    margin-left: auto;
    display: flex;
    gap: 8px;
    align-items: center;
  }
  .panel > .body {
    padding: 12px;
    min-height: 0;
  }
  .scroll {
    position: relative;
    overflow: auto;
    scrollbar-width: thin;
    min-height: 0;
  }
  .empty {
    color: var(--ink-3);
    padding: 20px 12px;
    text-align: center;
  }

  table {
    border-collapse: collapse;
    width: 100%;
    font-variant-numeric: tabular-nums;
  }
  th {
    font-weight: 550;
    font-size: 11.5px;
    color: var(--ink-3);
    text-align: left;
    padding: 6px 8px;
    white-space: nowrap;
  }
  td {
    padding: 5px 8px;
    white-space: nowrap;
  }
  thead th {
    position: sticky;
    top: 0;
    background: var(--surface);
    box-shadow: inset 0 -1px var(--line);
    z-index: 1;
  }
  tbody tr + tr > * {
    border-top: 1px solid var(--line);
  }
  tbody tr:hover > * {
    background: var(--hover);
  }
  .right {
    text-align: right;
  }

  [role="tablist"] {
    display: flex;
    gap: 2px;
    align-self: stretch;
  }
  [role="tab"] {
    font-size: 13px;
    border: 0;
    border-radius: 0;
    background: none;
    color: var(--ink-2);
    padding: 0 10px;
    min-height: 38px;
    border-bottom: 2px solid transparent;
    margin-bottom: -1px;
    font-weight: 550;
  }
  [role="tab"][aria-selected="true"] {
    color: var(--ink);
    border-bottom-color: var(--accent);
  }

  .badge {
    display: inline-flex;
    align-items: center;
    gap: 5px;
    border-radius: 99px;
    padding: 1px 8px;
    font-size: 11.5px;
    font-weight: 550;
    background: var(--sunken);
    color: var(--ink-2);
    white-space: nowrap;
  }
  .badge.good {
    background: var(--bid-soft);
    color: var(--bid);
  }
  .badge.bad {
    background: var(--ask-soft);
    color: var(--ask);
  }
  .badge.warn {
    background: var(--warn-soft);
    color: var(--warn);
  }
`;
