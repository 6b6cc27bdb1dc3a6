import { Button } from "@mantine/core";
import { useState, type ReactNode } from "react";

import { t } from "../messages";

const STEP = 100;

/** A long list is drawn a hundred at a time: thousands of cards would make the page stand still. */
export function Growing<T>({ items, children }: { items: readonly T[]; children: (shown: readonly T[]) => ReactNode }) {
  const [limit, setLimit] = useState(STEP);
  const left = items.length - limit;
  return (
    <>
      {children(items.slice(0, limit))}
      {left > 0 && (
        <Button variant="default" mx="auto" display="block" mt="md" onClick={() => setLimit(limit + STEP)}>
          {t.lists.rest(left)}
        </Button>
      )}
    </>
  );
}
