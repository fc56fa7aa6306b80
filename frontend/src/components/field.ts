import { html, type TemplateResult } from "lit";

/** A field of a form: its label, the control whose id is its name, and what is wrong with it. */
export function field(name: string, words: string, control: TemplateResult, fault = ""): TemplateResult {
  return html`<div class="field">
    <label for=${name}>${words}</label>
    ${control}
    <span class="fault" id="${name}-fault">${fault}</span>
  </div>`;
}
