/** Light or dark: what the reader's system says, unless they chose otherwise here. */

export type Theme = "system" | "light" | "dark";

const PLACE = "gpubroker.theme";
const THEMES: readonly Theme[] = ["system", "light", "dark"];

export function chosenTheme(): Theme {
  const kept = localStorage.getItem(PLACE);
  return THEMES.find((theme) => theme === kept) ?? "system";
}

export function nextTheme(theme: Theme): Theme {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
}

/** Show this theme from now on. */
export function applied(theme: Theme): Theme {
  localStorage.setItem(PLACE, theme);
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  dispatchEvent(new Event("themechange"));
  return theme;
}
