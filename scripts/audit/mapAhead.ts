/** Maps in order, with up to `ahead` of the next ones already under way: fast, and bounded in memory. */
export async function* mapAhead<Item, Result>(
  items: readonly Item[],
  ahead: number,
  map: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const running: Promise<Result>[] = [];
  let next = 0;
  try {
    while (next < items.length || running.length > 0) {
      while (running.length <= ahead && next < items.length) {
        const result = map(items[next++] as Item);
        // Its turn to be awaited may come later than its failure.
        result.catch(() => undefined);
        running.push(result);
      }
      yield (await running.shift()) as Result;
    }
  } finally {
    await Promise.allSettled(running);
  }
}
