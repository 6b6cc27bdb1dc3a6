interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

/** All items of a list, page after page. A server that answers the same cursor twice would never end; it is not asked again. */
export async function everyItem<T>(read: (cursor: string | undefined) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  const asked = new Set<string | undefined>();
  let cursor: string | undefined;
  do {
    asked.add(cursor);
    const page = await read(cursor);
    items.push(...page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined && !asked.has(cursor));
  return items;
}
