import { Button, Center } from "@mantine/core";

import { sentenceOf } from "../api/problems";
import { t } from "../messages";
import { ButtonLink } from "../parts/ButtonLink";
import { EmptyState } from "../parts/EmptyState";

export function NotFound() {
  return (
    <Center mih="60vh" component="main">
      <EmptyState alone icon="search" title={t.problems.notFound} hint={t.problems.notFoundHint}>
        <ButtonLink to="/">
          {t.problems.home}
        </ButtonLink>
      </EmptyState>
    </Center>
  );
}

export function PageStumbled({ error }: { error: unknown }) {
  return (
    <Center mih="60vh" component="main">
      <EmptyState alone icon="alert" title={t.problems.pageTitle} hint={sentenceOf(error)}>
        <Button onClick={() => location.reload()}>{t.problems.retry}</Button>
      </EmptyState>
    </Center>
  );
}
