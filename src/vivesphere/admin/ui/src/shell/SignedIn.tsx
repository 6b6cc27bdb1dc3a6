import { Center, Loader } from "@mantine/core";
import { Navigate, Outlet, useLocation } from "@tanstack/react-router";
import { useEffect, useState } from "react";

import { session } from "../api/client";
import { sentenceOf } from "../api/problems";
import { StreamProvider } from "../live/StreamProvider";
import { ErrorNotice } from "../parts/ErrorNotice";
import { useSessionState } from "../session/useSession";
import { Shell } from "./Shell";

const LOGIN = "/login";

/** The door before every page that needs a user: restores the session of a reload, or leads to the login page. */
export function SignedIn() {
  const state = useSessionState();
  const { href, pathname } = useLocation();
  const [problem, setProblem] = useState<string | null>(null);

  const restore = () => {
    setProblem(null);
    session.restore().catch((thrown: unknown) => setProblem(sentenceOf(thrown)));
  };
  useEffect(restore, []);

  // The location changes before this page is taken away: asked again then, it would lead to the login page of the login page.
  if (state === "signed-out" && pathname === LOGIN) return null;
  if (state === "signed-out") return <Navigate to={LOGIN} search={{ to: href === "/" ? undefined : href }} replace />;
  if (state === "unknown") {
    return (
      <Center mih="100vh" component="main" p="md">
        {problem ? <ErrorNotice problem={problem} onRetry={restore} /> : <Loader type="dots" aria-label="…" />}
      </Center>
    );
  }
  return (
    <StreamProvider>
      <Shell>
        <Outlet />
      </Shell>
    </StreamProvider>
  );
}
