/** Adds up counters, name by name. */
export function addCounters<T extends Readonly<Record<keyof T, number>>>(a: T, b: T): T {
  const names = Object.keys(a) as (keyof T)[];
  return Object.fromEntries(names.map((name) => [name, a[name] + b[name]])) as T;
}
