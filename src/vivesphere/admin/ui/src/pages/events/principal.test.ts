import { expect, test } from "vitest";

import { principalWords } from "./principal";

const ID = "0199c1f0-0000-7000-8000-0000deadbeef";

test.each([
  ["module:plans", undefined, "module:plans"],
  [`user:${ID}`, undefined, "user:…0000deadbeef"],
  [`member:${ID}/ada`, ID, "member:…0000deadbeef/ada"],
  [`user:${ID}`, ID, "you"],
])("%s, read by %s, is %s", (principal, me, words) => expect(principalWords(principal, me)).toBe(words));
