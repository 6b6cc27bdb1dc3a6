import { en, type Messages } from "./en";

/** Every language there is; a new one is a file of the shape of `en` and a line here. */
const catalogues: Record<string, Messages> = { en };

function chosen(): [string, Messages] {
  for (const wanted of navigator.languages) {
    const language = wanted.split("-")[0] ?? "";
    const catalogue = catalogues[language];
    if (catalogue) return [language, catalogue];
  }
  return ["en", en];
}

export const [language, t] = chosen();
