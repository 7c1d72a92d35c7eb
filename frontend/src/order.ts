// The order of rows.

/** Unknown comes last in either direction. */
export function sortRows<Item>(items: Item[], value: (item: Item) => number | string | null, descending: boolean): Item[] {
  const sign = descending ? -1 : 1;
  return items
    .map((item) => ({ item, value: value(item) }))
    .toSorted((a, b) => {
      if (a.value === b.value) return 0;
      if (a.value == null) return 1;
      if (b.value == null) return -1;
      return a.value < b.value ? -sign : sign;
    })
    .map((each) => each.item);
}
