import { expect, test } from "vitest";

import { csrfIn } from "./csrf";

test.each([
  ["vivesphere_csrf_8000=abc", "8000", "abc"],
  ["theme=dark; vivesphere_csrf=abc; other=1", "", "abc"],
  ["vivesphere_csrf_8001=not-ours; vivesphere_csrf_8000=ours", "8000", "ours"],
  ["vivesphere_csrf=planted; __Host-vivesphere_csrf=ours", "", "ours"],
  ["vivesphere_csrf=by-proxy", "8443", "by-proxy"],
  ["vivesphere_csrf_8001=not-ours", "8000", undefined],
  ["vivesphere_csrf=", "", undefined],
  ["", "", undefined],
])("of the cookies %j at port %j the token is %j", (cookies, port, value) => {
  expect(csrfIn(cookies, port)?.value).toBe(value);
});
