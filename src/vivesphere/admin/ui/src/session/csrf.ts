const NAME = "vivesphere_csrf";
const HOST_PREFIX = "__Host-";

/**
 * The CSRF token, which the server sets as a cookie that pages may read. While it is there somebody is signed in, as far as this
 * browser knows; the tokens themselves are in cookies that no script can read.
 */
export interface CsrfCookie {
  read: () => string | null;
  forget: () => void;
}

/** Cookies know no ports, so their names do; over https the name says that no other host can have set it. */
export function csrfIn(cookies: string, port: string): { name: string; value: string } | null {
  const suffix = port ? `_${port}` : "";
  const found = new Map(
    cookies.split("; ").map((pair): [string, string] => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
  // Behind a proxy the server may know the page by another port than the browser does.
  for (const end of new Set([suffix, ""])) {
    for (const name of [`${HOST_PREFIX}${NAME}${end}`, `${NAME}${end}`]) {
      const value = found.get(name);
      if (value) return { name, value };
    }
  }
  return null;
}

export const csrfCookie: CsrfCookie = {
  read: () => csrfIn(document.cookie, location.port)?.value ?? null,
  forget: () => {
    const name = csrfIn(document.cookie, location.port)?.name;
    if (name) document.cookie = `${name}=; Path=/; Max-Age=0; SameSite=Strict${name.startsWith(HOST_PREFIX) ? "; Secure" : ""}`;
  },
};
