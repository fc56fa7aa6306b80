/** Sets custom properties of an element; a style attribute would be against the page's policy. */

import { noChange } from "lit";
import { Directive, directive, type ElementPart, type PartInfo, PartType } from "lit/directive.js";

class CssVars extends Directive {
  #last: Record<string, string> = {};

  constructor(part: PartInfo) {
    super(part);
    if (part.type !== PartType.ELEMENT) throw new Error("cssVars stands on an element");
  }

  render(_values: Record<string, string>): typeof noChange {
    return noChange;
  }

  override update(part: ElementPart, [values]: [Record<string, string>]): typeof noChange {
    const style = (part.element as HTMLElement).style;
    for (const [name, value] of Object.entries(values)) {
      if (this.#last[name] !== value) style.setProperty(`--${name}`, value);
    }
    this.#last = values;
    return noChange;
  }
}

export const cssVars = directive(CssVars);
